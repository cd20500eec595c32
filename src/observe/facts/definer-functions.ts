/** Body of function `p` without comments, whichever way it was written. */
const BODY = `regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), '--[^\\n]*|/\\*.*?\\*/', ' ', 'g')`;

/** How often a pattern (SQL) stands in that body. */
function countIn(pattern: string): string {
  return `(select count(*) from regexp_matches(${BODY}, ${pattern}, 'gi'))`;
}

const TABLE = `regexp_replace(c.relname, '([^[:alnum:]_])', '\\\\\\1', 'g')`;
const SETTING = `'current_setting\\s*\\(\\s*''' || s.name || ''''`;
const COMPARED = `'=\\s*(?:\\(|nullif|\\s)*current_setting\\s*\\(\\s*''' || s.name || ''''`;
/** What could widen a comparison: other branches, text that is made while it runs, another value of the setting. */
const WIDENS = `'\\m(?:or|union|intersect|except|execute|left|right|full|set_config|set)\\M|\\mnot\\s*\\(|[<>!]=\\s*\\(?\\s*current_setting'`;

/**
 * Condition: every place where function `p` names table `c` is narrowed to one tenant by the setting that the policies of the
 * table read: compared with it or, where a row is inserted, made of it.
 */
const NARROWS = `
  ${countIn(WIDENS)} = ${countIn(`'\\mupdate\\s+\\S+(?:\\s+(?:as\\s+)?\\w+)?\\s+set\\M'`)}
  and exists (
    select from (
      select distinct substring(pg_get_expr(coalesce(y.polqual, y.polwithcheck), c.oid) from 'current_setting\\(''([^'']+)''') as name
      from pg_policy y where y.polrelid = c.oid) s
    where s.name is not null and not exists (select from unnest(p.proconfig) g where g like s.name || '=%')
      and ${countIn(`'\\m' || ${TABLE} || '\\M"?(?!\\s*\\.)'`)} <=
        ${countIn(COMPARED)} + least(${countIn(`'\\minsert\\s+into\\s+\\S*' || ${TABLE} || '\\M'`)},
                                     ${countIn(SETTING)} - ${countIn(COMPARED)}))`;

/** Condition: function `p` of the owner `o` names table `c`, whose policies do not bind that owner, and does not narrow it. */
export const READS_PAST = `
  (o.rolsuper or o.rolbypassrls or (pg_has_role(o.oid, c.relowner, 'USAGE') and not c.relforcerowsecurity))
  and (exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
               and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid)
       or strpos(lower(p.prosrc), lower(c.relname)) > 0 and p.prosrc ~* ('\\m' || ${TABLE} || '\\M'))
  and not (${NARROWS})`;

/**
 * Functions that run with the rights of an owner whom the policies do not bind, that the role may call, and that read one of
 * the tables: by what the catalog knows of their bodies, or by the name in their text. One that narrows what it reads to the
 * tenant of the session is none. `$1` is the role that calls, `$2` the oids of the tables.
 */
export const BYPASSING_FUNCTIONS = `
  select format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles o on o.oid = p.proowner
  where p.prosecdef and p.prokind in ('f', 'p') and p.prorettype <> all (array['trigger', 'event_trigger']::regtype[])
    and n.nspname not in ('pg_catalog', 'information_schema')
    and has_schema_privilege($1, n.oid, 'USAGE') and has_function_privilege($1, p.oid, 'EXECUTE')
    and exists (select from pg_class c where c.oid = any ($2::oid[]) and ${READS_PAST})`;
