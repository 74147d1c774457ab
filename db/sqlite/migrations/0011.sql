-- What a price takes beside its amount: a fee at the start, and charges that differ. JSON, empty where none does.
ALTER TABLE prices ADD COLUMN setup_fee INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prices ADD COLUMN steps TEXT NOT NULL DEFAULT '';
