// Stands in for node:test in a browser: runs tests one after the other and keeps what failed.
const results = [];
let last = Promise.resolve();

export function test(name, run) {
  last = last.then(async () => {
    try {
      await run();
      results.push({ name });
    } catch (error) {
      results.push({ name, failure: String(error?.stack ?? error) });
    }
  });
}

globalThis.testResults = async () => {
  await last;
  return results;
};
