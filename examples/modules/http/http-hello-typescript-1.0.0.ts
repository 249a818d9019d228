/** The smallest HTTP server in TypeScript: one line, whatever is asked. */

interface FetchEvent {
  respondWith(response: Response): void;
}

declare function addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;

addEventListener('fetch', (event) => {
  event.respondWith(new Response('Hello from http-hello-typescript 1.0.0\n'));
});

export function healthCheck(): string {
  return 'OK';
}
