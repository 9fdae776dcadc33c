/** A reporter for node --test that writes how many tests passed and failed, for tools/test to add up. */
export default async function* countReporter(events) {
  const counts = { pass: 0, fail: 0 };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // The runner reports a file as a test of its own; only what stands in the files counts.
    // What was left out has not passed, and a group is no test.
    const isTest = data.name !== data.file && data.skip === undefined && data.details?.type !== 'suite';
    if (isTest) counts[type.slice(5)]++;
  }
  yield `pass ${counts.pass}\nfail ${counts.fail}\n`;
}
