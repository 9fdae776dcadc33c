/** A reporter for node --test that writes how many tests passed and failed, for tools/test to add up. */
export default async function* countReporter(events) {
  const counts = { pass: 0, fail: 0 };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // The runner reports each file as a test too; only the tests in the files count.
    // Skipped tests have not passed, and suites are not tests.
    const isTest = data.name !== data.file && data.skip === undefined && data.details?.type !== 'suite';
    if (isTest) counts[type.slice(5)]++;
  }
  yield `pass ${counts.pass}\nfail ${counts.fail}\n`;
}
