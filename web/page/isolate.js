// Several threads need a page that is isolated from other origins, which its server says in two headers. Where the
// server does not (python -m http.server), a service worker adds them, and keeps the page for when there is no server.

const ASKED = "voiceloom-asked-for-isolation";

/** True when the page may start; false when it is about to load again, isolated. */
export async function isolate() {
  if (!window.isSecureContext || !navigator.serviceWorker) return true;
  try {
    const registration = await navigator.serviceWorker.register(new URL("../service.js", import.meta.url));
    if (crossOriginIsolated || sessionStorage.getItem(ASKED)) return true;
    sessionStorage.setItem(ASKED, "yes"); // once: a browser that cannot must not load for ever
    await active(registration);
    location.reload();
    return false;
  } catch {
    return true; // without it the voice speaks on one thread
  }
}

function active({ active, installing, waiting }) {
  const worker = active ?? installing ?? waiting;
  if (worker.state === "activated") return null;
  return new Promise((resolve) => {
    worker.addEventListener("statechange", () => worker.state === "activated" && resolve());
  });
}
