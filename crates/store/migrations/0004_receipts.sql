-- What a provider gave back for a message that it took, to edit it, reply to it or end it.
ALTER TABLE outbox ADD COLUMN receipt TEXT;
