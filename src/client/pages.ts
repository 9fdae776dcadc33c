interface Paged {
  readonly nextPageToken?: string;
}

/** Follows the pages of an answer, unless the request asks for one of them. */
export async function wholeAnswer(
  request: { readonly pageSize?: number; readonly pageToken?: string },
  call: (request: object) => Promise<unknown>,
): Promise<unknown> {
  let whole = (await call(request)) as Paged;
  if (request.pageSize || request.pageToken) return whole;
  while (whole.nextPageToken)
    whole = joined(whole, (await call({ ...request, pageToken: whole.nextPageToken })) as Paged);
  return whole;
}

/** The fields that differ from page to page; all others are on each page. */
const GROWING: ReadonlySet<string> = new Set([
  'policies',
  'containers',
  'rules',
  'namespaces',
  'containerIds',
  'manifests',
  'origins',
  'settings',
]);

/** Joins lists, also those within a policy that has pages itself, and the text of its manifest. */
function joined<Value extends object>(before: Value, next: Value): Value {
  const whole = { ...before } as Record<string, unknown>;
  for (const [key, value] of Object.entries(next)) {
    const known = whole[key];
    if (isGrowing(key, before) && Array.isArray(known)) whole[key] = [...known, ...(value as unknown[])];
    else if (key === 'manifest') whole[key] = `${known}${value}`;
    else if (key === 'policy' || key === 'visibility') whole[key] = joined(known as object, value as object);
    else whole[key] = value;
  }
  return whole as Value;
}

/** Only in a backup postures are of many namespaces; elsewhere they are of one container. */
function isGrowing(key: string, answer: object): boolean {
  return GROWING.has(key) || (key === 'postures' && 'manifests' in answer);
}
