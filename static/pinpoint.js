// The site works without this file. It closes the account menu when one clicks elsewhere or presses Escape, empties this
// device of unsent answers at sign-out, and lets a letter in a picture be pressed like its line in the list beside it.
const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.getAttribute("action")?.endsWith("/logout/")) indexedDB.deleteDatabase("pinpoint-sitting");
});

document.addEventListener("click", (event) => {
  const letter = event.target.closest("[data-pick]");
  if (letter) letter.closest(".hotspot").querySelector(`input[value="${letter.dataset.pick}"]`).click();
});
