const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A value as Grafana writes it for the units that the dashboard uses. */
export function inUnit(value: number, unit = 'short'): string {
  switch (unit) {
    case 's':
      return seconds(value);
    case 'bytes':
      return bytes(value);
    case 'percentunit':
      return `${short(value * 100)} %`;
    case 'ops':
      return `${short(value)}/s`;
    default:
      return short(value);
  }
}

function short(value: number): string {
  if (Math.abs(value) >= 10_000) return `${short(value / 1000)} k`;
  return String(Number(value.toPrecision(3)));
}

function seconds(value: number): string {
  if (value === 0 || value >= 1) return `${short(value)} s`;
  return value >= 0.001 ? `${short(value * 1000)} ms` : `${short(value * 1e6)} µs`;
}

function bytes(value: number): string {
  const power = value < 1 ? 0 : Math.min(BINARY.length - 1, Math.floor(Math.log2(value) / 10));
  return `${short(value / 1024 ** power)} ${BINARY[power]}`;
}

/** Some four round values from 0 to at least the greatest. */
export function ticksTo(greatest: number, unit?: string): number[] {
  const base = unit === 'bytes' ? 1024 ** Math.floor(Math.log2(Math.max(greatest, 1)) / 10) : 1;
  const rough = (greatest > 0 ? greatest : 1) / base / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough)! * base;
  return Array.from({ length: Math.ceil((greatest > 0 ? greatest : 1) / step - 1e-9) + 1 }, (_, index) => index * step);
}
