// Passkeys need the browser's own dialogue, so their forms stand hidden until this file finds that the browser has one.
// A form says what it wants: data-passkey is "create" or "get"; its options stand in data-options, or come from data-from.
const possible = Boolean(window.PublicKeyCredential && navigator.credentials);

for (const part of document.querySelectorAll("[data-passkey-part]")) part.hidden = !possible;
for (const part of document.querySelectorAll("[data-passkey-none]")) part.hidden = possible;

// A signature: the passkey answers over the record that is on screen, named by its hash.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-sign-from]");
  if (!button) return;
  const { form } = button;
  const said = form.querySelector("[data-passkey-said]");
  said.textContent = "";
  const unfilled = [...form.elements].find((field) => !field.checkValidity());
  if (unfilled && !form.noValidate) {
    unfilled.reportValidity();
    return;
  }
  try {
    const over = encodeURIComponent(form.elements.shown_sha256.value);
    const answer = await fetch(`${button.dataset.signFrom}?over=${over}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const credential = await ways.get((await answer.json()).request_options);
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    said.textContent = sentence(error);
  }
});

const ways = { create: window.webauthnJSON?.create, get: window.webauthnJSON?.get };

const optionsOf = async (form) => {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.from, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()).request_options;
};

const sentence = (error) => {
  if (error.name === "InvalidStateError") return "This device has a passkey for your account already.";
  if (error.name === "NotAllowedError") return "No passkey was used: it was stopped, or it took too long. Try again, or go another way.";
  return "That did not work, and nothing was changed. Try again, or go another way.";
};

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.passkey) return;
  event.preventDefault();
  const said = form.querySelector("[data-passkey-said]");
  said.textContent = "";
  try {
    const credential = await ways[form.dataset.passkey](await optionsOf(form));
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    said.textContent = sentence(error);
  }
});
