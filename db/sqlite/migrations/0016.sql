-- Texts for people are kept by their code, and put into the reader's language when they are shown. Sentences that
-- no code is known for stay as they are.
CREATE TEMP TABLE texts (sentence TEXT NOT NULL, code TEXT NOT NULL);
INSERT INTO texts (sentence, code) VALUES
    ('This person is not in the server; the roles follow when they are back.', 'error.member_gone'),
    ('This server asks new members to accept its rules first. The roles follow as soon as that is done in Discord.',
     'error.membership_pending'),
    ('The role was deleted. The server''s admins set another one with /plans edit.', 'error.role_gone'),
    ('The role stands above the bot''s own. Drag the bot''s role higher in Server Settings > Roles.',
     'error.role_above_bot'),
    ('The bot lacks Manage Roles. Give its role that permission in Server Settings > Roles.',
     'error.roles_not_permitted'),
    ('The bot is not in the server. Invite it again.', 'error.guild_gone'),
    ('Many members were to lose roles at once, so nobody loses any until an admin decides. The notice to the admins and /doctor have the buttons.',
     'error.removals_paused'),
    ('The payment provider could not do this. Please try again in a few minutes.',
     'error.provider_failed'),
    ('The payment provider is not answering just now. Please try again in a few minutes.',
     'error.provider_unavailable'),
    ('The payment provider refused this, so nothing was changed there. Please tell the server''s admins; the bot''s log names the reason.',
     'error.provider_refused'),
    ('The payment provider does not know this, so nothing was changed there. It may belong to another account: please tell the server''s admins.',
     'error.provider_not_found'),
    ('The payment provider answered in a way this version does not understand. Nothing was changed.',
     'error.provider_misread'),
    ('It was cancelled already, so an Undo will not let it renew.', 'error.stopped_already'),
    ('There was no payment to refund.', 'error.no_payment'),
    ('The server''s admins revoked this access, so it was not resumed.', 'error.not_resumed_revoked');
UPDATE members SET parked = (SELECT code FROM temp.texts WHERE sentence = parked)
WHERE parked IN (SELECT sentence FROM temp.texts);
UPDATE intents SET outcome = (SELECT code FROM temp.texts WHERE sentence = outcome)
WHERE outcome IN (SELECT sentence FROM temp.texts);
DROP TABLE temp.texts;
