/** The server's REST interface, as far as the browser uses it. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** Where everything of ours is on the server. */
export const API = 'gpumon/api';

/** What the server said when it refused, with what to do. */
export class RequestError extends Error {
  /** An answer that was no success. */
  constructor(
    readonly status: number,
    message: string,
    readonly hint = '',
    /** Where in a rule's condition the mistake is, counted from 1. */
    readonly column: number | null = null
  ) {
    super(message);
  }

  /** Both in one line. */
  get words(): string {
    return [this.message, this.hint].filter(Boolean).join(' ');
  }
}

/** Ask the server. `path` is below `gpumon/api`; undefined query values are left out. */
export async function request(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
  settings: ServerConnection.ISettings
): Promise<Response> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = given
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
    .join('&');
  const url = URLExt.join(settings.baseUrl, API, path) + (search ? `?${search}` : '');
  return answered(url, { cache: 'no-store' }, settings);
}

/** Have the server do something: `body` goes as JSON, and JSON comes back, or nothing where there is nothing to say. */
export async function send<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body: unknown,
  settings: ServerConnection.ISettings
): Promise<T> {
  const init = { method, body: body === null ? null : JSON.stringify(body) };
  const url = URLExt.join(settings.baseUrl, API, path);
  const text = await (await answered(url, init, settings)).text();
  return (text ? JSON.parse(text) : null) as T;
}

async function answered(
  url: string,
  init: RequestInit,
  settings: ServerConnection.ISettings
): Promise<Response> {
  const response = await ServerConnection.makeRequest(url, init, settings);
  if (!response.ok) {
    throw await refusal(response);
  }
  return response;
}

async function refusal(response: Response): Promise<RequestError> {
  const text = await response.text();
  try {
    const said = JSON.parse(text) as { message?: string; hint?: string; column?: number };
    const { message = response.statusText, hint = '', column = null } = said;
    return new RequestError(response.status, message, hint, column);
  } catch {
    return new RequestError(response.status, response.statusText);
  }
}
