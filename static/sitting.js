// The sitting of a quiz. Without this file every button and link works by itself, one page a step.
// With it: a choice is sent at once; "Saved" appears when the server has answered, never before. What is not yet
// answered stays in the browser's database, survives a reload and is sent in order, one request at a time. What could not be
// sent before the attempt ended is brought by the next page that its person opens, and kept for her physician.
const DATABASE = "pinpoint-sitting";
const RETRY_MS = [3000, 4500, 7000, 10000, 15000];
const PATIENCE_MS = 15000;
const DOUBLE_PRESS_MS = 350;
const TYPING_MS = 800; // a number is sent when the person has stopped typing, or leaves the field
const ASK_EVERY_MS = 20000;
const WARN_AT_SECONDS = [300, 60];
const FORGET_MS = 8 * 24 * 3600 * 1000; // a day longer than the server takes what comes late

const byId = (id) => document.getElementById(id);
const clone = (id) => byId(id).content.firstElementChild.cloneNode(true);
const newKey = () =>
  crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// ---- The queue on this device: one record per attempt and question. Where there is no database, memory has to do. ----
const shelf = {
  opening: null,
  emptied: false, // by signing out in another tab: from then on nothing is written here again
  open() {
    this.opening ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("answers", { keyPath: ["attempt", "position"] });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.onversionchange = () => { request.result.close(); this.emptied = true; };
        resolve(request.result);
      };
    });
    return this.opening;
  },
  async use(work) {
    if (this.emptied) return undefined;
    try {
      const database = await this.open();
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction("answers", "readwrite");
        const request = work(transaction.objectStore("answers"));
        transaction.oncomplete = () => resolve(request?.result);
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
    } catch {
      this.opening = null;
      return undefined;
    }
  },
  put(entry) {
    return this.use((answers) => answers.put(entry));
  },
  async all() {
    return (await this.use((answers) => answers.getAll())) ?? [];
  },
  // Another tab may have put a newer choice here: that one is not ours to remove.
  drop({ attempt, position, key }) {
    return this.use((answers) => {
      const found = answers.get([attempt, position]);
      found.onsuccess = () => { if (found.result?.key === key) answers.delete([attempt, position]); };
    });
  },
  clear(attempt) {
    return this.use((answers) => answers.delete(IDBKeyRange.bound([attempt], [attempt, []])));
  },
};

// ---- The clock: the server's, not this device's. ----
const clock = {
  ahead: 0,
  set(seconds) {
    if (seconds) this.ahead = seconds * 1000 - Date.now();
  },
  now() {
    return Date.now() + this.ahead;
  },
  heard(response) {
    const date = Date.parse(response.headers.get("Date") ?? "");
    // The header has whole seconds; correct only what that cannot explain.
    if (date && Math.abs(date - this.now()) > 2000) this.set(date / 1000);
  },
  inWords(zone, moment = this.now()) {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium" }).format(moment);
  },
};

let speaking = 0;
function speak(sentence) {
  const spoken = byId("spoken");
  spoken.textContent = "";
  clearTimeout(speaking);
  speaking = setTimeout(() => { spoken.textContent = sentence; }, 60); // an emptied region speaks the same words again
}

// A warning is said once for each deadline, however often the page is loaded and whichever page of the quiz it is.
function firstWarning(data, deadline, mark) {
  const name = `warned ${data.attempt} ${deadline} ${mark}`;
  try {
    if (sessionStorage.getItem(name)) return false;
    sessionStorage.setItem(name, "yes");
  } catch { /* no storage: it may be said again after a reload */ }
  return true;
}

// `ask` is where the server says when time is over: extra time may be given while the quiz runs.
function countDown(data, { over, moved } = {}) {
  const shown = byId("clock");
  let deadline = Number(data.deadline);
  if (!deadline || !shown) return;
  let before = Infinity;
  let running = true;
  const ask = async () => {
    if (!running) return;
    try {
      const response = await fetch(data.clock, { headers: { Accept: "application/json" }, redirect: "manual" });
      const said = response.ok ? await response.json() : {};
      clock.set(said.now);
      if (said.deadline > deadline) {
        const more = Math.round((said.deadline - deadline) / 60);
        deadline = said.deadline;
        before = Infinity;
        moved?.(deadline);
        speak(`You have been given ${more} more minutes.`);
      }
    } catch { /* no connection: the countdown goes on, and the next question asks again */ }
    setTimeout(ask, ASK_EVERY_MS);
  };
  setTimeout(ask, ASK_EVERY_MS);
  const tick = () => {
    const left = Math.ceil((deadline * 1000 - clock.now()) / 1000);
    if (left <= 0) {
      running = false;
      shown.textContent = "Time is over";
      over?.();
      return;
    }
    shown.parentElement.classList.toggle("tone-care", left <= WARN_AT_SECONDS[0]);
    shown.textContent = left > 300 ? `${Math.ceil(left / 60)} min left` : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left`;
    for (const mark of WARN_AT_SECONDS) {
      if (left <= mark && before > mark && left > mark - 30 && firstWarning(data, deadline, mark)) {
        speak(mark === 60 ? "1 minute left." : `${mark / 60} minutes left.`);
      }
    }
    before = left;
    setTimeout(tick, 1000 - ((Date.now() + clock.ahead) % 1000) + 5);
  };
  tick();
}

// ---- The answer to a question, as one line of text: what is ticked, chosen or written, in the order shown ----
const isPicked = (field) => field.type === "radio" || field.type === "checkbox";
const isWritten = (field) => field.type === "text";
const chosenIn = (select, pieces) => [...select.options].find((option) => option.value && pieces.includes(option.value));
const piecesOf = (answer) => answer.split(" ").filter(Boolean);

// One spelling of a number, as far as the server's can be had here.
function tidy(written) {
  const number = written.trim().replace(",", ".").replace("−", "-");
  return /^-?\d+\.\d+$/.test(number) ? number.replace(/\.?0*$/, "") : number;
}

function answerOf(item) {
  const given = item.fields.filter((field) => !isPicked(field) || field.checked);
  return given.map((field) => (isWritten(field) ? tidy(field.value) : field.value)).filter(Boolean).join(" ");
}

function mark(item, answer) {
  const pieces = piecesOf(answer);
  for (const field of item.fields) {
    if (isPicked(field)) field.checked = pieces.includes(field.value);
    else field.value = isWritten(field) ? answer : chosenIn(field, pieces)?.value ?? "";
  }
}

function isWhole(item, answer) {
  const pieces = piecesOf(answer);
  const values = new Set(pieces.map((piece) => piece.split(":")[1]));
  return pieces.length >= item.parts && !(item.distinct && values.size < pieces.length);
}

function inWords(item, answer) {
  const pieces = piecesOf(answer);
  const words = item.fields.flatMap((field) => {
    if (isWritten(field)) return answer ? [`${answer} ${field.nextElementSibling.textContent}`] : [];
    if (isPicked(field)) {
      const part = field.closest(".part")?.firstElementChild.textContent.split(" ")[0];
      const text = field.nextElementSibling.textContent;
      return pieces.includes(field.value) ? [part ? `${part} ${text}` : text] : [];
    }
    const chosen = chosenIn(field, pieces)?.textContent;
    const label = field.labels[0].textContent;
    return chosen ? [item.distinct ? `${chosen}. ${label}` : `${label}: ${chosen}`] : [];
  });
  if (item.distinct) words.sort();
  return words.join("; ") || "no answer";
}

function bodyOf({ answer, flag, key, revision, at }) {
  const body = new URLSearchParams({ key });
  if (answer !== undefined) {
    body.set("answer", answer);
    body.set("revision", revision);
    body.set("at", Math.round(at));
  }
  if (flag !== undefined) body.set("flag_sent", "1");
  if (flag) body.set("flag", "on");
  return body;
}

const questions = (places) => `${places.length === 1 ? "question" : "questions"} ${places.sort((a, b) => a - b).join(", ")}`;

// Says which answers came late, and what became of them: `fate` is "kept" or "lost" by position.
function tellLate(alert, fates) {
  for (const part of alert.querySelectorAll("[data-fate]")) {
    const places = [...fates].filter(([, fate]) => fate === part.dataset.fate).map(([position]) => position);
    part.hidden = !places.length;
    part.querySelector("[data-places]").textContent = questions(places);
  }
  alert.hidden = false;
}

// ---- The questions ----
function sit(page) {
  const { attempt, check, take, signIn, zone } = page.dataset;
  const count = Number(page.dataset.count);
  let until = Number(page.dataset.until) + Number(page.dataset.grace);
  const items = new Map();
  const queue = new Map(); // position -> {attempt, position, revision, answer?, flag?, key, at, until, sent?}
  const disagreements = new Map(); // position -> {revision, answer} that another tab or device saved
  let token = page.querySelector("[name=csrfmiddlewaretoken]").value;
  let current = 1;
  let state = "reached"; // reached, lost (no connection), gone (no session)
  let savedAt = byId("saved-at").textContent;
  let busy = false;
  let failures = 0;
  let timer = 0;
  let leavingFor = "";
  let movedAt = -Infinity;
  let isOver = false;
  let ending = null; // once the server has said that the attempt is over: {url, fates, wasAway}

  for (const section of page.querySelectorAll(".item")) {
    const position = Number(section.dataset.position);
    const form = section.querySelector("form");
    items.set(position, {
      section,
      form,
      legend: section.querySelector("legend"),
      fields: [...form.querySelectorAll("[name^=answer]:not([type=hidden])")],
      parts: Number(section.dataset.parts),
      distinct: "distinct" in section.dataset,
      flagBox: form.querySelector("[name=flag]"),
      link: page.querySelector(`[data-go="${position}"]`),
      revision: Number(form.elements.revision.value),
      answer: section.dataset.stored,
      flagged: form.querySelector("[name=flag]").defaultChecked,
    });
    if (!section.hidden) current = position;
  }
  const unsent = () => [...queue.values()].filter((entry) => !disagreements.has(entry.position));

  // -- One question at a time --
  function show(position, { push = true, focus = true } = {}) {
    leavingFor = "";
    byId("offline-wait").hidden = true;
    for (const [place, item] of items) item.section.hidden = place !== position;
    const moved = position !== current;
    current = position;
    document.title = `Question ${position} of ${count} · Pinpoint`;
    byId("where").textContent = `Question ${position} of ${count}`;
    if (push && moved) history.pushState({ position }, "", `?q=${position}`);
    if (focus) {
      window.scrollTo(0, 0);
      items.get(position).legend.focus({ preventScroll: true });
    }
    paint();
  }

  function paint() {
    const waiting = unsent();
    for (const [position, item] of items) {
      const entry = queue.get(position);
      const disagrees = disagreements.has(position);
      const late = Boolean(entry) && !disagrees && (state !== "reached" || entry.replayed);
      const done = isWhole(item, item.answer);
      const flagged = entry?.flag ?? item.flagged;
      const words = [disagrees ? "two answers, choose one" : late && entry.answer !== undefined ? "answer not sent yet" : done ? "answered" : item.answer ? "answer not complete" : "not answered"];
      if (flagged) words.push("flagged");
      item.link.className = done ? "done" : "";
      item.link.setAttribute("aria-label", `Question ${position}: ${words.join(", ")}`);
      item.link.querySelector("svg")?.remove();
      if (disagrees) item.link.append(clone("icon-disagree"));
      else if (late) item.link.append(clone("icon-unsent"));
      else if (flagged) item.link.append(clone("icon-flag"));
      if (position === current) item.link.setAttribute("aria-current", "step");
      else item.link.removeAttribute("aria-current");
      item.section.querySelector(".unsent").hidden = !late;
    }
    const answered = [...items.values()].filter((item) => isWhole(item, item.answer)).length;
    const flagged = [...items].filter(([position, item]) => queue.get(position)?.flag ?? item.flagged).length;
    byId("tally").textContent = `${answered} of ${count} answered (underlined)${flagged ? `, ${flagged} flagged` : ""}.`;
    byId("progress").value = answered;

    const [two] = disagreements.keys();
    const noun = waiting.some((entry) => entry.answer !== undefined) ? "answer" : "flag";
    const still = `${waiting.length} ${noun}${waiting.length === 1 ? "" : "s"} not sent yet`;
    if (two) say("care", "disagree", `Question ${two}: two answers`);
    else if (state !== "reached") say("care", "unsent", waiting.length ? still : state === "gone" ? "Signed out" : "No connection");
    else if (waiting.some((entry) => entry.replayed)) say("care", "unsent", still);
    else if (waiting.length) say("calm", "saving", "Saving…");
    else if (savedAt) say("good", "saved", "Saved ", savedAt);
    else byId("saved").hidden = true;
  }

  function say(tone, icon, words, time = "") {
    const saved = byId("saved");
    if (saved.dataset.said === words + time) return;
    saved.dataset.said = words + time;
    saved.className = `state tone-${tone} small`;
    const text = document.createElement("span");
    text.textContent = words;
    const at = Object.assign(document.createElement("span"), { className: "num", id: "saved-at", textContent: time });
    text.append(at);
    saved.replaceChildren(clone(`icon-${icon}`), text);
    saved.hidden = false;
  }

  // -- A choice: kept on this device, then sent --
  function keep(position, change) {
    const item = items.get(position);
    const before = queue.get(position);
    const entry = { attempt, position, revision: item.revision, until, ...before, ...change, key: newKey(), at: clock.now() };
    delete entry.replayed;
    queue.delete(position); // to the end: the newest choice is sent last
    queue.set(position, entry);
    shelf.put(entry);
    const other = disagreements.get(position);
    if (other && change.answer === other.answer) settle(position, false);
    else if (other) disagree(position, other);
    paint();
    pump();
  }

  // What a field holds now, if that is news.
  function takeUp(position) {
    const answer = answerOf(items.get(position));
    if (answer !== (queue.get(position)?.answer ?? items.get(position).answer)) keep(position, { answer });
  }

  async function pump() {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    let through = true;
    let answered = false;
    for (let [entry] = unsent(); entry && through; [entry] = unsent()) {
      through = await deliver(entry);
      answered ||= through;
      paint();
    }
    busy = false;
    if (!through) {
      timer = setTimeout(pump, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
    } else if (answered) {
      recover();
    }
    if (ending && !queue.size) conclude();
    else leave();
  }

  // True when the server has answered, whatever it said. An answer whose response was lost is asked again with its own key.
  async function deliver(entry) {
    entry.sent ??= { answer: entry.answer, flag: entry.flag, key: entry.key, revision: entry.revision, at: entry.at };
    await shelf.put(entry);
    let reply = await post(entry);
    if (reply.kind === "refused" && (await renew())) reply = await post(entry);
    if (reply.kind === "ended") return tooLate(entry, reply);
    if (reply.kind === "lost") return fall("lost");
    if (reply.kind === "refused") return fall("gone");
    const newest = queue.get(entry.position); // the person may have chosen again in the meantime
    const { sent } = entry;
    const item = items.get(entry.position);
    delete newest.sent;
    delete newest.replayed;
    if (reply.kind === "stale") {
      if (reply.answer === newest.answer) {
        Object.assign(newest, { revision: reply.revision, key: newKey() }); // the same answer: nothing is overwritten
      } else {
        disagree(entry.position, reply);
      }
      shelf.put(newest);
      return true;
    }
    if (reply.kind === "unknown") {
      mark(item, item.answer);
      const alert = clone("unknown");
      alert.querySelector("p").textContent = reply.sentence;
      item.section.prepend(alert);
      delete newest.answer;
    } else {
      item.section.querySelector(".unknown")?.remove();
      if (sent.answer !== undefined) {
        item.answer = reply.answer ?? sent.answer;
        if (item.answer !== sent.answer && answerOf(item) === sent.answer) mark(item, item.answer);
        item.revision = newest.revision = reply.revision;
        item.form.elements.revision.value = reply.revision;
      }
      if (sent.flag !== undefined) item.flagged = sent.flag;
      savedAt = reply.at || savedAt;
    }
    if (newest.answer === sent.answer) delete newest.answer;
    if (newest.flag === sent.flag) delete newest.flag;
    await done(newest);
    return true;
  }

  // Nothing left of an entry: it goes. Otherwise the rest of it waits its turn.
  function done(entry) {
    if (entry.answer !== undefined || entry.flag !== undefined) return shelf.put(entry);
    queue.delete(entry.position);
    return shelf.drop(entry);
  }

  // The server's instant, in the zone of the page. A flag alone is answered without one.
  function inZone(at) {
    return at?.includes("T") ? clock.inWords(zone, Date.parse(at)) : at || clock.inWords(zone);
  }

  function signed(entry) {
    const body = bodyOf(entry);
    body.set("csrfmiddlewaretoken", token);
    return body;
  }

  async function post({ position, sent }) {
    const patience = new AbortController();
    const impatient = setTimeout(() => patience.abort(), PATIENCE_MS);
    try {
      const response = await fetch(items.get(position).form.action, {
        method: "POST", body: signed(sent), headers: { Accept: "application/json" }, redirect: "manual", signal: patience.signal,
      });
      if (response.type === "opaqueredirect" || response.status === 403 || response.status === 404) return { kind: "refused" };
      if (![200, 400, 409].includes(response.status)) return { kind: "lost" };
      clock.heard(response);
      const { state: kind, ...said } = await response.json();
      return { kind, ...said, at: kind === "saved" ? inZone(said.at) : "" };
    } catch {
      return { kind: "lost" };
    } finally {
      clearTimeout(impatient);
    }
  }

  // Signed in again in another tab: the session is new and so is the form's token.
  async function renew() {
    try {
      const response = await fetch(take, { headers: { Accept: "text/html" } });
      const where = new URL(response.url).pathname;
      if (!response.ok || where === signIn) return false;
      if (where !== take) { location.assign(response.url); return false; }
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      token = fresh.querySelector(".item [name=csrfmiddlewaretoken]").value;
      for (const field of page.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
      return true;
    } catch {
      return false;
    }
  }

  // The attempt is over. Whatever is still here goes to the server all the same, which keeps it for the physician.
  async function tooLate(entry, reply) {
    if (!ending) {
      ending = { url: reply.url, fates: new Map(), wasAway: state !== "reached" || unsent().some((other) => other.replayed) };
      disagreements.clear();
      for (const merge of page.querySelectorAll(".merge")) merge.remove();
      stop();
    }
    const { position, sent } = entry;
    const newest = queue.get(position);
    if (reply.answer === "kept" || reply.answer === "lost") ending.fates.set(position, reply.answer);
    delete newest.sent;
    if (newest.answer === sent.answer) delete newest.answer;
    delete newest.flag; // nothing to come back to
    mark(items.get(position), items.get(position).answer);
    await done(newest);
    return true;
  }

  function conclude() {
    const { url, fates, wasAway } = ending;
    shelf.clear(attempt);
    if (!wasAway || !fates.size) {
      location.assign(url);
      return;
    }
    for (const id of ["offline", "gone", "over"]) byId(id).hidden = true;
    state = "reached";
    const alert = byId("ended");
    alert.querySelector("a").href = url;
    tellLate(alert, fates);
    window.scrollTo(0, 0);
    paint();
  }

  function stop() {
    isOver = true;
    for (const item of items.values()) for (const field of item.form.querySelectorAll("fieldset, [name=flag], button")) field.disabled = true;
  }

  function fall(into) {
    if (state !== into) {
      state = into;
      failures = 0;
      byId("offline-since").textContent = clock.inWords(zone);
      byId("offline").hidden = into !== "lost";
      byId("gone").hidden = into !== "gone";
      paint();
    }
    return false;
  }

  function recover() {
    failures = 0;
    if (state === "reached") return;
    state = "reached";
    byId("offline").hidden = byId("gone").hidden = true;
    if (ending) return;
    const two = [...disagreements.keys()];
    if (two.length) speak(`Connection is back. Question ${two.join(", ")} has two different answers: choose one.`);
    else if (!queue.size) speak("Connection is back. All answers are saved.");
    paint();
  }

  // -- Two tabs: both answers are shown, and the person decides --
  function disagree(position, other) {
    const item = items.get(position);
    const known = item.section.querySelector(".merge");
    disagreements.set(position, { revision: other.revision, answer: other.answer });
    const merge = known ?? clone("merge");
    merge.querySelector("[data-theirs]").textContent = inWords(item, other.answer);
    merge.querySelector("[data-mine]").textContent = inWords(item, queue.get(position).answer);
    if (known) return;
    merge.querySelector("[data-keep]").addEventListener("click", () => settle(position, false));
    merge.querySelector("[data-use]").addEventListener("click", () => settle(position, true));
    item.section.querySelector(".merge-server")?.remove();
    item.section.prepend(merge);
    if (position === current) merge.scrollIntoView({ block: "nearest" });
    else speak(`Question ${position} has two different answers: choose one.`);
  }

  function settle(position, mine) {
    const item = items.get(position);
    const entry = queue.get(position);
    const other = disagreements.get(position);
    disagreements.delete(position);
    const merge = item.section.querySelector(".merge");
    const inside = merge.contains(document.activeElement);
    merge.remove();
    item.revision = entry.revision = other.revision;
    item.form.elements.revision.value = other.revision;
    item.answer = other.answer;
    if (mine) {
      entry.key = newKey();
      shelf.put(entry);
    } else {
      mark(item, other.answer);
      delete entry.answer;
      done(entry);
    }
    if (inside) item.legend.focus();
    paint();
    pump();
  }

  // -- To the check page, when everything has arrived --
  function leave(url = leavingFor) {
    leavingFor = url;
    if (!url || isOver) return;
    const [two] = disagreements.keys();
    if (two) {
      show(two);
      items.get(two).section.querySelector(".merge button").focus();
    } else if (!queue.size) {
      leavingFor = "";
      location.assign(url);
    } else if (state !== "reached") {
      const alert = byId(state === "gone" ? "gone" : "offline");
      if (state === "lost") byId("offline-wait").hidden = false;
      alert.scrollIntoView({ block: "center" });
    }
  }

  page.addEventListener("change", (event) => {
    const { name, checked } = event.target;
    const position = Number(event.target.closest(".item")?.dataset.position);
    movedAt = -Infinity;
    if (name.startsWith("answer")) takeUp(position);
    if (name === "flag") keep(position, { flag: checked });
  });
  let typing = 0;
  page.addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    const number = isWritten(target) ? tidy(target.value) : null;
    if (number === "" || /^-?\d+(\.\d+)?$/.test(number ?? "x")) {
      typing = setTimeout(takeUp, TYPING_MS, Number(target.closest(".item").dataset.position));
    }
  });
  page.addEventListener("submit", (event) => {
    event.preventDefault();
    if (performance.now() - movedAt < DOUBLE_PRESS_MS) return; // the second half of a double press
    movedAt = performance.now();
    if (event.submitter?.value === "back") show(Math.max(1, current - 1));
    else if (current < count) show(current + 1);
    else leave(check);
  });
  page.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.dataset.go) {
      event.preventDefault();
      show(Number(link.dataset.go));
    } else if (link.id === "to-check") {
      event.preventDefault();
      leave(check);
    }
  });
  window.addEventListener("popstate", () => {
    const wanted = Number(new URLSearchParams(location.search).get("q")) || Number(page.dataset.current);
    if (items.has(wanted)) show(wanted, { push: false });
  });
  window.addEventListener("offline", () => fall("lost"));
  window.addEventListener("online", () => (queue.size ? pump() : state === "lost" && recover()));
  const lookAgain = () => { if (state !== "reached" && document.visibilityState === "visible") pump(); };
  window.addEventListener("focus", lookAgain);
  document.addEventListener("visibilitychange", lookAgain);
  window.addEventListener("beforeunload", (event) => { if (queue.size && state !== "reached") event.preventDefault(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  // Closing the page cuts off what is under way: it is sent once more with the same key, which changes nothing if it came.
  const takeUpWritten = () => {
    for (const [position, item] of items) if (item.fields.some(isWritten) && !isOver) takeUp(position);
  };
  window.addEventListener("pagehide", () => {
    takeUpWritten();
    for (const entry of unsent()) {
      if (!entry.sent || entry.sent.key === entry.key) navigator.sendBeacon(items.get(entry.position).form.action, signed(entry));
    }
  });

  // What takes the focus must not lie under the bar, however high it is at this width.
  new ResizeObserver(([bar]) => {
    document.documentElement.style.scrollPaddingTop = `${bar.target.offsetHeight + 16}px`;
  }).observe(document.querySelector(".sitting"));

  countDown(page.dataset, {
    moved(deadline) {
      until = deadline + Number(page.dataset.grace);
      for (const entry of unsent()) entry.until = until;
    },
    over() {
      takeUpWritten();
      stop();
      byId("over").hidden = false;
      const openResult = () => {
        if (state !== "reached") setTimeout(openResult, RETRY_MS[0]);
        else if (byId("ended").hidden) location.assign(take);
      };
      setTimeout(openResult, Math.max(0, (until + 2) * 1000 - clock.now()));
    },
  });

  // -- What an earlier visit could not send comes first --
  shelf.all().then((kept) => {
    for (const entry of kept.sort((a, b) => a.at - b.at)) {
      const item = items.get(entry.position);
      if (entry.attempt === attempt && item && !queue.has(entry.position)) {
        queue.set(entry.position, { ...entry, replayed: true });
        if (entry.answer !== undefined) mark(item, entry.answer);
        if (entry.flag !== undefined) item.flagBox.checked = entry.flag;
      }
    }
    // A choice made before this file had loaded is a choice too.
    for (const [position, item] of items) {
      const chosen = answerOf(item);
      if (!queue.has(position) && chosen && chosen !== item.answer) keep(position, { answer: chosen });
    }
    paint();
    pump();
  });
  history.replaceState({ position: current }, "", `?q=${current}`);
  show(current, { push: false, focus: false });
}

// ---- What an earlier visit could not send of an attempt that has ended since ----
async function bringLate(alert) {
  const headers = { Accept: "application/json", ...JSON.parse(document.body.getAttribute("hx-headers")) };
  const address = (name, { attempt, position }) => alert.dataset[name].replace("ATTEMPT", attempt).replace("/0/", `/${position}/`);
  const fates = new Map(); // by attempt, what became of each question
  const asked = new Map();
  const isOver = async (entry) => {
    const response = await fetch(address("clock", entry), { headers, redirect: "manual" });
    return response.ok && (await response.json()).state === "over"; // of an open attempt, its own page sends them
  };
  try {
    for (const entry of (await shelf.all()).sort((a, b) => a.at - b.at)) {
      const { attempt, position } = entry;
      if (!asked.has(attempt)) asked.set(attempt, await isOver(entry));
      if (!asked.get(attempt)) {
        if (entry.until * 1000 + FORGET_MS < Date.now()) await shelf.drop(entry);
        continue;
      }
      const reply = await fetch(address("save", entry), { method: "POST", body: bodyOf(entry), headers, redirect: "manual" });
      if (reply.status !== 409) continue;
      const { answer } = await reply.json();
      await shelf.drop(entry);
      if (answer === "stored" || !answer) continue;
      if (!fates.has(attempt)) fates.set(attempt, new Map());
      fates.get(attempt).set(position, answer);
    }
  } catch { /* no connection: the next page tries again */ }
  for (const [attempt, became] of fates) {
    const one = alert.cloneNode(true);
    one.removeAttribute("id");
    const link = one.querySelector("a");
    link.href = link.getAttribute("href").replace("ATTEMPT", attempt);
    alert.before(one);
    tellLate(one, became);
  }
}

// ---- Handing in: once, and not into the void ----
function handIn(form) {
  const { attempt, take } = form.dataset;
  shelf.all().then((kept) => { if (kept.some((entry) => entry.attempt === attempt)) location.replace(take); });
  let sent = false;
  form.addEventListener("submit", (event) => {
    byId("offline").hidden = navigator.onLine;
    if (sent || !navigator.onLine) {
      event.preventDefault();
      return;
    }
    sent = true;
    const button = event.submitter ?? form.querySelector("[type=submit]");
    button.setAttribute("aria-disabled", "true");
    button.firstChild.textContent = "Handing in…";
    speak("Handing in.");
    shelf.clear(attempt);
  });
  window.addEventListener("online", () => { byId("offline").hidden = true; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  countDown(form.dataset);
}

const stage = byId("sitting") ?? byId("hand-in");
clock.set(Number(stage?.dataset.now));
if (stage?.id === "sitting") sit(stage);
else if (stage) handIn(stage);
else if (byId("left-over")) bringLate(byId("left-over"));
