-- What the notice channel hears of sales: kinds of news, comma-separated; none unless an admin chose them.
ALTER TABLE guild_settings ADD COLUMN sales_news TEXT NOT NULL DEFAULT '';
