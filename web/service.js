// A service worker: every answer of this folder with the headers that isolation needs, from the server where there is
// one, else as it was kept. Where another site has taken the page's place, it goes.

const KEPT = "voiceloom-page";
const HEADERS = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(self.registration.scope)) {
    event.respondWith(answer(request, event));
  }
});

async function answer(request, event) {
  const kept = await caches.open(KEPT);
  let response;
  try {
    response = await fetch(request, { cache: "no-cache" }); // a page made anew is seen at once
  } catch {
    response = await kept.match(request, { ignoreSearch: true });
    return response ? isolated(response) : Response.error();
  }
  if (request.mode === "navigate" && !(await isOurs())) {
    await Promise.all([self.registration.unregister(), caches.delete(KEPT)]);
    return response;
  }
  if (response.status === 200) event.waitUntil(kept.put(request, response.clone()).catch(() => {})); // or no room for it
  return isolated(response);
}

/** Whether the server still has the page. */
async function isOurs() {
  const found = await fetch(new URL("page.json", self.registration.scope), { method: "HEAD" });
  return found.status !== 404;
}

function isolated(response) {
  if (response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
