import { Command, Option } from 'commander';
import pkg from '../package.json' with { type: 'json' };
import { addAsyncApi } from './commands/asyncapi.ts';
import { addAuditChains } from './commands/audit-chains.ts';
import { addAuditErase } from './commands/audit-erase.ts';
import { addAuditExport } from './commands/audit-export.ts';
import { addAuditReport } from './commands/audit-report.ts';
import { addAuditSearch } from './commands/audit-search.ts';
import { addAuditVerify } from './commands/audit-verify.ts';
import { addCalls } from './commands/calls.ts';
import { addCertificateDelete } from './commands/certificate-delete.ts';
import { addCertificateList } from './commands/certificate-list.ts';
import { addCertificatePut } from './commands/certificate-put.ts';
import { addComplete } from './commands/complete.ts';
import { addCompletion } from './commands/completion.ts';
import { addConsumerDeregister } from './commands/consumer-deregister.ts';
import { addConsumerGet } from './commands/consumer-get.ts';
import { addConsumerList } from './commands/consumer-list.ts';
import { addConsumerRegister } from './commands/consumer-register.ts';
import { addExplain } from './commands/explain.ts';
import { addFetch } from './commands/fetch.ts';
import { addGroupCreate } from './commands/group-create.ts';
import { addGroupDelete } from './commands/group-delete.ts';
import { addGroupList } from './commands/group-list.ts';
import { addGroupPreview } from './commands/group-preview.ts';
import { addGroupRotateKey } from './commands/group-rotate-key.ts';
import { addGroupTest } from './commands/group-test.ts';
import { addGroupSet, addGroupUpdate } from './commands/group-update.ts';
import { addHelp } from './commands/help.ts';
import { addIssuerDelete } from './commands/issuer-delete.ts';
import { addIssuerList } from './commands/issuer-list.ts';
import { addIssuerPut } from './commands/issuer-put.ts';
import { addKeyCreate } from './commands/key-create.ts';
import { addKeyList } from './commands/key-list.ts';
import { addKeyRevoke } from './commands/key-revoke.ts';
import { addList } from './commands/list.ts';
import { addPolicyCheck } from './commands/policy-check.ts';
import { addPolicyDelete } from './commands/policy-delete.ts';
import { addPolicyDiff } from './commands/policy-diff.ts';
import { addPolicyGet } from './commands/policy-get.ts';
import { addPolicyList } from './commands/policy-list.ts';
import { addPolicyPut } from './commands/policy-put.ts';
import { addPolicyRollback } from './commands/policy-rollback.ts';
import { addPolicyTest } from './commands/policy-test.ts';
import { addPolicyVersions } from './commands/policy-versions.ts';
import { addProviderDeregister } from './commands/provider-deregister.ts';
import { addProviderGenerateOpenApi } from './commands/provider-generate-openapi.ts';
import { addProviderGeneratePostgres } from './commands/provider-generate-postgres.ts';
import { addProviderGet } from './commands/provider-get.ts';
import { addProviderList } from './commands/provider-list.ts';
import { addProviderRegister } from './commands/provider-register.ts';
import { addProviderServeOpenApi } from './commands/provider-serve-openapi.ts';
import { addProviderServePostgres } from './commands/provider-serve-postgres.ts';
import { addPublish } from './commands/publish.ts';
import { addPull } from './commands/pull.ts';
import { addStart } from './commands/start.ts';
import { addStats } from './commands/stats.ts';
import { addSubscribe } from './commands/subscribe.ts';
import { addTenantCreate } from './commands/tenant-create.ts';
import { addTenantList } from './commands/tenant-list.ts';
import { addToolCall } from './commands/tool-call.ts';
import { addToolList } from './commands/tool-list.ts';
import { addTypeGet } from './commands/type-get.ts';
import { addTypeList } from './commands/type-list.ts';
import { addTypePublish } from './commands/type-publish.ts';
import { addUpstreamAdd } from './commands/upstream-add.ts';
import { addUpstreamApprove } from './commands/upstream-approve.ts';
import { addUpstreamGet } from './commands/upstream-get.ts';
import { addUpstreamList } from './commands/upstream-list.ts';
import { addUpstreamRemove } from './commands/upstream-remove.ts';
import { addUpstreamSignIn } from './commands/upstream-sign-in.ts';
import { addWhoami } from './commands/whoami.ts';
import { examples } from './examples.ts';
import { exitCodesHelp } from './exit-codes.ts';
import { parseTimeMs } from './options.ts';
import type { Shell } from './shell.ts';

const environmentHelp = `
Environment:
  WEIR_URL       the address of Weir (default: http://127.0.0.1:7070)
  WEIR_KEY       the key to call with; else the local Weir's own key file, .weir/admin.key here
                 or in a folder above
  WEIR_DATA_DIR  the folder that holds admin.key, instead of .weir
  NO_COLOR       set: no colours`;

/** Builds the tree of commands. */
export function buildProgram(shell: Shell): Command {
  const program = openProgram(shell);
  addFetch(program, shell);
  addList(program, shell);
  addExplain(program, shell);
  addPublish(program, shell);
  addSubscribe(program, shell);
  addPull(program, shell);
  addAsyncApi(program, shell);
  addProviders(group(program, 'provider', 'registers and shows providers'), shell);
  addConsumers(group(program, 'consumer', 'registers and shows consumers'), shell);
  addTypes(group(program, 'type', 'publishes and shows context types'), shell);
  addPolicies(group(program, 'policy', 'writes, tries and shows policies'), shell);
  addTools(group(program, 'tool', 'lists and calls tools'), shell);
  addCalls(program, shell);
  addStats(program, shell);
  addGroups(group(program, 'group', 'creates and changes tool groups'), shell);
  addKeys(group(program, 'key', 'creates, shows and revokes API keys'), shell);
  addIssuers(group(program, 'issuer', 'believes the tokens of identity providers'), shell);
  addCertificates(group(program, 'certificate', 'believes client certificates'), shell);
  addAudit(group(program, 'audit', 'says what was done, by whom and under which rule'), shell);
  addTenants(group(program, 'tenant', 'creates and shows tenants'), shell);
  addUpstreams(group(program, 'upstream', 'makes providers of MCP servers'), shell);
  addWhoami(program, shell);
  addStart(program, shell);
  addCompletion(program, shell);
  addHelp(program);
  addComplete(program, shell);
  return program;
}

function openProgram({ terminal }: Shell): Command {
  return new Command('weir')
    .description('Fetches context from many providers in one call, and administers Weir.')
    .usage('<command> [options]')
    .version(pkg.version, '-V, --version', 'shows the version')
    .helpOption('-h, --help', 'shows help')
    .helpCommand(false)
    .addOption(new Option('--url <url>', 'the address of Weir'))
    .addOption(new Option('--key-file <file>', 'a file that holds the key to call with'))
    .addOption(
      new Option('--timeout <time>', 'the time a call may take (default: 10s)').argParser(
        parseTimeMs,
      ),
    )
    .addOption(new Option('--json', 'writes JSON, for programs'))
    .addOption(new Option('--debug', 'shows the details of a failure'))
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'weir: ')),
      getOutHelpWidth: () => terminal.columns ?? 100,
      getErrHelpWidth: () => terminal.columns ?? 100,
      getOutHasColors: () => terminal.color,
      getErrHasColors: () => terminal.color,
    })
    .exitOverride()
    .addHelpText(
      'after',
      examples(
        ['weir list DocChunk', 'what there is to fetch'],
        ['weir fetch DocChunk/README.md SQLSchema/weir', 'two items in one call'],
        ['weir help provider register', 'help for one command'],
      ),
    )
    .addHelpText('after', environmentHelp)
    .addHelpText('after', exitCodesHelp);
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

function addProviders(provider: Command, shell: Shell): void {
  addProviderRegister(provider, shell);
  addProviderList(provider, shell);
  addProviderGet(provider, shell);
  addProviderDeregister(provider, shell);
  const generate = group(provider, 'generate', 'writes provider projects from a scan');
  addProviderGenerateOpenApi(generate, shell);
  addProviderGeneratePostgres(generate, shell);
  const serve = group(provider, 'serve', 'serves what a scan found, with no code generated');
  addProviderServeOpenApi(serve, shell);
  addProviderServePostgres(serve, shell);
}

function addConsumers(consumer: Command, shell: Shell): void {
  addConsumerRegister(consumer, shell);
  addConsumerList(consumer, shell);
  addConsumerGet(consumer, shell);
  addConsumerDeregister(consumer, shell);
}

function addTypes(type: Command, shell: Shell): void {
  addTypeList(type, shell);
  addTypeGet(type, shell);
  addTypePublish(type, shell);
}

function addPolicies(policy: Command, shell: Shell): void {
  addPolicyCheck(policy, shell);
  addPolicyTest(policy, shell);
  addPolicyDiff(policy, shell);
  addPolicyPut(policy, shell);
  addPolicyRollback(policy, shell);
  addPolicyList(policy, shell);
  addPolicyGet(policy, shell);
  addPolicyVersions(policy, shell);
  addPolicyDelete(policy, shell);
}

function addKeys(key: Command, shell: Shell): void {
  addKeyCreate(key, shell);
  addKeyList(key, shell);
  addKeyRevoke(key, shell);
}

function addTools(tool: Command, shell: Shell): void {
  addToolList(tool, shell);
  addToolCall(tool, shell);
}

function addGroups(parent: Command, shell: Shell): void {
  addGroupCreate(parent, shell);
  addGroupList(parent, shell);
  addGroupUpdate(parent, shell);
  addGroupSet(parent, shell);
  addGroupPreview(parent, shell);
  addGroupTest(parent, shell);
  addGroupRotateKey(parent, shell);
  addGroupDelete(parent, shell);
}

function addIssuers(issuer: Command, shell: Shell): void {
  addIssuerPut(issuer, shell);
  addIssuerList(issuer, shell);
  addIssuerDelete(issuer, shell);
}

function addCertificates(certificate: Command, shell: Shell): void {
  addCertificatePut(certificate, shell);
  addCertificateList(certificate, shell);
  addCertificateDelete(certificate, shell);
}

function addAudit(audit: Command, shell: Shell): void {
  addAuditSearch(audit, shell);
  addAuditReport(audit, shell);
  addAuditExport(audit, shell);
  addAuditChains(audit, shell);
  addAuditVerify(audit, shell);
  addAuditErase(audit, shell);
}

function addUpstreams(upstream: Command, shell: Shell): void {
  addUpstreamAdd(upstream, shell);
  addUpstreamList(upstream, shell);
  addUpstreamSignIn(upstream, shell);
  addUpstreamGet(upstream, shell);
  addUpstreamApprove(upstream, shell);
  addUpstreamRemove(upstream, shell);
}

function addTenants(tenant: Command, shell: Shell): void {
  addTenantCreate(tenant, shell);
  addTenantList(tenant, shell);
}
