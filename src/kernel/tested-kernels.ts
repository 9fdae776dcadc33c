/** The series of kernels that the tests were run on. It is told, and nothing is concluded from it. */
export const TESTED_KERNELS = ['6.1', '6.12', '7.3'];

/** Whether the tests were run on a kernel of that series; whatever the number, what a kernel can do is asked of it. */
export function isTested(release: string): boolean {
  const [series] = /^\d+\.\d+(?!\d)/u.exec(release) ?? [];
  return series !== undefined && TESTED_KERNELS.includes(series);
}

/** A sentence for operators. */
export function describeUntested(release: string): string {
  return `Hauberk was not tested on kernel ${release}, but on ${TESTED_KERNELS.join(', ')}: what it has was asked of it`;
}
