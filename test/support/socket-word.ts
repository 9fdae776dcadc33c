/** A use of a socket as the kernel sees it: see bpf/include/word.h, whose words this writes too. */
export interface SocketUse {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  readonly direction: 'none' | 'egress' | 'ingress';
  readonly port: number;
  /** 4 or 16 bytes; none where the other end is not known. */
  readonly address: readonly number[];
}

const DIRECTIONS = ['none', 'egress', 'ingress'];

export function socketWord({ family, type, protocol, direction, port, address }: SocketUse): Buffer {
  const kind = address.length === 4 ? 1 : address.length === 16 ? 2 : 0;
  const padded = [...address, ...new Array<number>(16 - address.length).fill(0)];
  const digits =
    hex(family, 2) +
    hex(type, 1) +
    hex(protocol, 4) +
    hex(DIRECTIONS.indexOf(direction), 1) +
    hex(port, 4) +
    hex(kind, 1) +
    padded.map((byte) => hex(byte, 2)).join('');
  return Buffer.from(`n${toLetters(digits)}`);
}

export function capabilityWord(number: number): Buffer {
  return Buffer.from(`c${toLetters(hex(number, 2))}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function toLetters(digits: string): string {
  return digits.replace(/[0-9a-f]/gu, (digit) => String.fromCharCode(0x61 + Number.parseInt(digit, 16)));
}
