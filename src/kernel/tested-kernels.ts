/** The series of kernels that the tests were run on. It is only reported; no behaviour depends on it. */
export const TESTED_KERNELS = ['6.1', '6.12', '7.3'];

/** Whether the tests were run on a kernel of that series. Features are always looked up in the kernel itself. */
export function isTested(release: string): boolean {
  const [series] = /^\d+\.\d+(?!\d)/u.exec(release) ?? [];
  return series !== undefined && TESTED_KERNELS.includes(series);
}

/** A sentence for operators. */
export function describeUntested(release: string): string {
  return `Hauberk was not tested on kernel ${release}, but on ${TESTED_KERNELS.join(', ')}; its features were detected`;
}
