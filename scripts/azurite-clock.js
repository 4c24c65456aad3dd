// Loaded into Azurite by the tests (node --require): a clock that can be set forward,
// so that a lease of 15 s expires without waiting. Each line of the standard input is
// a number of milliseconds; it is answered by a line when it holds. Azurite ends when
// the input does, so it does not outlive a test that was killed.
'use strict';

const RealDate = Date;
let ahead = 0;

class SetDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) {
      super(RealDate.now() + ahead);
    } else {
      super(...args);
    }
  }

  static now() {
    return RealDate.now() + ahead;
  }
}
globalThis.Date = SetDate;

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    ahead += Number(line);
    console.log(`clock ${ahead}`);
  }
});
process.stdin.on('end', () => process.exit(0));
