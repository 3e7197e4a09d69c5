-- event and commit_log are append-only. The engines spell triggers
-- differently; 0004_append_only.postgres.sql says the same.
--
-- `insert or replace` deletes without these triggers unless
-- recursive_triggers is on, which every connection of ours sets.

create trigger event_is_append_only_update before update on event
begin select raise(abort, 'event is append-only: rows are never changed'); end;

create trigger event_is_append_only_delete before delete on event
when not exists (select 1 from gate where opens = 'event')
begin select raise(abort, 'event is append-only: rows leave only through a gate'); end;

create trigger commit_log_is_append_only_update before update on commit_log
begin select raise(abort, 'commit_log is append-only: rows are never changed'); end;

create trigger commit_log_is_append_only_delete before delete on commit_log
when not exists (select 1 from gate where opens = 'commit_log')
begin select raise(abort, 'commit_log is append-only: rows leave only through a gate'); end;
