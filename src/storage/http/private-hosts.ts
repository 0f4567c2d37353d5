/**
 * Hosts of this machine and of private nets, which nobody outside may lead us to: by name, by address in any spelling,
 * and by a name of their own whose address is one of ours (DNS). URLs write addresses in one way before they come here
 * (`http://2130706433/` and `http://0x7f.1/` are `127.0.0.1`), so only the forms of IPv6 that carry an IPv4 address
 * are left to be looked through.
 *
 * IANA's registries of special-purpose addresses: https://www.iana.org/assignments/iana-ipv4-special-registry and
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */

/** Names and literal addresses of this machine and of private nets, among them those of cloud metadata. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.internal')) return true;
  if (host.includes(':')) return isPrivateGroups(groupsOf(host));
  const parts = /^(\d+)\.(\d+)\.(\d+)\.\d+$/.exec(host);
  return parts !== null && isPrivateIPv4(Number(parts[1]), Number(parts[2]), Number(parts[3]));
}

/**
 * Whether a host of the public net sends us to a private address.
 *
 * @param addresses asks the system for the addresses of a name; [] where it has none, or can't be asked
 */
export async function leadsInside(
  from: string,
  to: string,
  addresses: (host: string) => Promise<readonly string[]>,
): Promise<boolean> {
  if (isPrivateHost(from)) return false;
  if (isPrivateHost(to)) return true;
  if (!(await addresses(to)).some(isPrivateHost)) return false;
  return !(await addresses(from)).some(isPrivateHost);
}

function isPrivateIPv4(a: number, b: number, c: number): boolean {
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && c === 0) ||
    (a === 198 && (b === 18 || b === 19)) ||
    (a === 100 && b >= 64 && b < 128) ||
    a >= 224
  );
}

function isPrivateGroups(groups: readonly number[] | undefined): boolean {
  // Nothing that fetch could reach either.
  if (!groups) return true;
  const [first, second] = [groups[0]!, groups[1]!];
  const ipv4At = (at: number): boolean =>
    isPrivateIPv4(groups[at]! >> 8, groups[at]! & 255, groups[at + 1]! >> 8);
  // ::, ::1, ::127.0.0.1 and ::ffff:127.0.0.1.
  if (groups.slice(0, 5).every((group) => group === 0) && [0, 0xffff].includes(groups[5]!)) return ipv4At(6);
  // Addresses that are translated to IPv4 on their way: NAT64, its local form, 6to4.
  if (first === 0x64 && second === 0xff9b) return groups[2] === 1 || ipv4At(6);
  if (first === 0x2002) return ipv4At(1);
  // Unique local, link-local, site-local, multicast.
  return (first & 0xfe00) === 0xfc00 || (first & 0xff80) === 0xfe80 || first >= 0xff00;
}

/** The eight groups of an IPv6 address; undefined when it is none. */
function groupsOf(address: string): readonly number[] | undefined {
  const plain = address.replace(/%.*$/, '');
  if (!URL.canParse(`http://[${plain}]/`)) return undefined;
  // URLs write an IPv4 tail in hexadecimal.
  const text = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const [before = '', after] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [head, tail] = [groups(before), groups(after ?? '')];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}
