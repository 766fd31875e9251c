/** A browser as far as signing in needs one: it keeps cookies, and goes where it is sent. */
export interface Browser {
  /** Opens a page; follows whatever it is redirected to. */
  open(address: string): Promise<Shown>;
  /** Sends the form of a page, with these fields. */
  submit(page: Shown, fields?: Readonly<Record<string, string>>): Promise<Shown>;
}

/** A page that is shown. */
export interface Shown {
  readonly address: string;
  readonly status: number;
  readonly text: string;
}

const redirectsMax = 20;

export function openBrowser(): Browser {
  const cookies = new Map<string, Map<string, string>>();

  async function go(address: string, init: RequestInit): Promise<Shown> {
    let url = new URL(address);
    let how = init;
    for (let i = 0; i < redirectsMax; i++) {
      const jar = cookies.get(url.host) ?? new Map<string, string>();
      cookies.set(url.host, jar);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { ...(how.headers as Record<string, string>), cookie };
      const answer = await fetch(url, { ...how, headers, redirect: 'manual' });
      for (const set of answer.headers.getSetCookie()) {
        const [pair = ''] = set.split(';');
        const at = pair.indexOf('=');
        jar.set(pair.slice(0, at), pair.slice(at + 1));
      }
      const location = answer.headers.get('location');
      if (location === null) {
        return { address: url.href, status: answer.status, text: await answer.text() };
      }
      await answer.body?.cancel();
      url = new URL(location, url);
      how = {};
    }
    throw new Error('it is redirected without end');
  }

  return {
    open: (address) => go(address, {}),
    submit({ address, text }, fields = {}) {
      const [, action = address] = /<form[^>]* action="([^"]*)"/.exec(text) ?? [];
      const hidden = [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)];
      const all = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]));
      const body = String(new URLSearchParams({ ...all, ...fields }));
      const { origin } = new URL(address);
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin };
      return go(new URL(action, address).href, { method: 'POST', body, headers });
    },
  };
}

/** Signs in at an authorization server that lets in whoever comes. */
export async function signIn(address: string, browser = openBrowser()): Promise<Shown> {
  return await browser.submit(await browser.open(address));
}
