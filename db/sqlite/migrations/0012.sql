-- Which subscriptions a block ended: it covers them whatever they are switched to.
-- JSON: [["stripe", "acct_1", "sub_1"], ...]
ALTER TABLE overrides ADD COLUMN subscriptions TEXT NOT NULL DEFAULT '[]';
-- Blocks of before: what was to be ended bears the decision's number. A block over every plan needs none of it.
UPDATE overrides SET subscriptions = (
    SELECT json_group_array(json(one)) FROM (
        SELECT DISTINCT json_array(provider, account, subscription_id) AS one FROM intents
        WHERE substr(intents.id, 1, length(overrides.decision_id) + 1) = overrides.decision_id || '-'
    )
) WHERE kind = 'block' AND plan_id IS NOT NULL AND lifted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM overrides AS other
        WHERE other.decision_id = overrides.decision_id AND other.id <> overrides.id);
