import { FLAGS } from './flags.js';

const HELP_WIDTH = 100;
const HELP_INDENT = 32;

/** What --help prints. */
export function helpText(): string {
  const lines = ['Usage: hauberkd [FLAG…]', '', 'Enforces security policies on containers with BPF LSM.', ''];
  for (const [name, { value, help, default: standard }] of Object.entries(FLAGS)) {
    const left = `  --${name}${value === undefined ? '' : ` ${value}`}`;
    const words = (help + (standard === undefined ? '' : ` (default ${standard})`)).split(' ');
    let line = left.padEnd(HELP_INDENT);
    if (left.length >= HELP_INDENT - 1) {
      lines.push(left);
      line = ' '.repeat(HELP_INDENT);
    }
    for (const word of words) {
      if (line.length + word.length > HELP_WIDTH) {
        lines.push(line.trimEnd());
        line = ' '.repeat(HELP_INDENT);
      }
      line += `${word} `;
    }
    lines.push(line.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}
