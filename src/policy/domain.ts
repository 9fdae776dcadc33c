/** A wildcard in front: the names below a domain without the domain itself. */
export const BELOW = '*.';
/** Of a whole name, and of a part of it between dots: RFC 1035, 2.3.4. */
export const DOMAIN_BYTES_MAX = 253;
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/u;

/** As names are compared: in lower case and without dots at their ends, which stand for the root. */
export function canonicalDomain(text: string): string {
  return text.toLowerCase().replace(/^\.+|\.+$/gu, '');
}

/** Says what is wrong with the domain of a rule, or undefined when it is good. */
export function checkDomain(text: string): string | undefined {
  const domain = canonicalDomain(text);
  const name = domain.startsWith(BELOW) ? domain.slice(BELOW.length) : domain;
  if (name.length <= DOMAIN_BYTES_MAX && name.split('.').every((label) => LABEL.test(label))) return undefined;
  return (
    'must be a domain such as `example.com`, or `*.example.com` for the names below it: letters, digits, `-` and `_`, ' +
    `at most ${DOMAIN_BYTES_MAX} characters (others as their \`xn--\` form)`
  );
}
