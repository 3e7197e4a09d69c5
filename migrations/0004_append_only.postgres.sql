-- event and commit_log are append-only. The engines spell triggers
-- differently; 0004_append_only.sqlite.sql says the same.

create function refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and exists (select 1 from gate where opens = tg_table_name) then
        return old;
    end if;
    if tg_op = 'DELETE' then
        raise exception '% is append-only: rows leave only through a gate', tg_table_name;
    end if;
    raise exception '% is append-only: rows are never changed', tg_table_name;
end;
$$;

create trigger event_is_append_only before update or delete on event
    for each row execute function refuse_change();
create trigger event_is_append_only_truncate before truncate on event
    for each statement execute function refuse_change();
create trigger commit_log_is_append_only before update or delete on commit_log
    for each row execute function refuse_change();
create trigger commit_log_is_append_only_truncate before truncate on commit_log
    for each statement execute function refuse_change();
