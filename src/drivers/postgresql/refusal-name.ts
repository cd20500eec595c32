/** What the names of policies begin with that refuse new rows of a tenant (`write-refusals.ts`). */
export const REFUSAL = 'kintsugi refuses ';

/** Of a row `p` of `pg_policy`. Restrictive, so it widens nothing, whoever made it; and none of what people set up. */
export const IS_REFUSAL = `not p.polpermissive and p.polname like '${REFUSAL}%'`;
