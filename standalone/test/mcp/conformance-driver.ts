// What the conformance suite starts as the client of a scenario: it has the Weir that is up play it.
const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_CONTEXT: context } = process.env;
const [weir = '', server = ''] = process.argv.slice(2);
const played = await fetch(weir, {
  method: 'POST',
  body: JSON.stringify({ scenario, server, context: JSON.parse(context ?? '{}') }),
});
if (!played.ok) {
  process.stderr.write(`${await played.text()}\n`);
  process.exitCode = 1;
}
