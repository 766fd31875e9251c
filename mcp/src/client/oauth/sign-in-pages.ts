import type { SignIn } from './sign-ins.ts';

/** What a browser gets. */
export interface Page {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Says what the person is about to do, and for whom: an address may have come from anybody. */
export function asksToGoOn({ title, who, page }: SignIn): Page {
  return htmlPage(
    200,
    'Sign in',
    `<p>Weir asks for access to <b>${escaped(title)}</b>, at <b>${escaped(page.host)}</b>,
for <b>${escaped(who)}</b>.</p>
<p>Go on only if that is you, and you have just been asked to sign in.</p>
<form method="post"><button>Go on to ${escaped(page.host)}</button></form>`,
  );
}

/** Sends the person back to where they were. */
export function isSignedIn({ title }: SignIn): Page {
  const text = `<p>Weir has access to ${escaped(title)} now. You may close this page.</p>`;
  return htmlPage(200, 'You are signed in', text);
}

/** Says what is over or wrong. */
export function isOver(text: string, status: number): Page {
  return htmlPage(status, 'Sign in', `<p>${escaped(text)}</p>`);
}

function htmlPage(status: number, title: string, content: string): Page {
  const body = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} · Weir</title>
<style>body{font:16px/1.5 system-ui;max-width:34rem;margin:4rem auto;padding:0 1rem}</style>
<h1>${title}</h1>
${content}
</html>
`;
  return { status, body };
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
