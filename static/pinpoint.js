// The site works without this file. It closes the account menu when one clicks elsewhere or presses Escape, and empties
// this device of unsent answers at sign-out.
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
