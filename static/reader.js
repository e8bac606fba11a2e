// Remembers the key point in view, so that the next visit begins there. Reading works without it.
const prose = document.querySelector("[data-place-url]");
if (prose && "IntersectionObserver" in window) {
  let place = "";
  let sent = "";
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) place = entry.target.id;
  });
  for (const point of prose.querySelectorAll(".point[id]")) watcher.observe(point);
  const keep = () => {
    if (!place || place === sent) return;
    sent = place;
    const body = new FormData();
    body.set("place", place);
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    navigator.sendBeacon(prose.dataset.placeUrl, body);
  };
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") keep(); });
  window.addEventListener("pagehide", keep);
}
// A chip leads into the folded list of sources: open it, so that the row can be seen.
for (const chip of document.querySelectorAll('.sources a[href^="#src-"]')) {
  chip.addEventListener("click", () => {
    const row = document.getElementById(chip.hash.slice(1));
    const fold = row && row.closest("details");
    if (fold) fold.open = true;
  });
}
