// A letter in a picture can be pressed like its line in the list beside it. The list does without.
document.addEventListener("click", (event) => {
  const letter = event.target.closest("[data-pick]");
  letter?.closest(".hotspot")?.querySelector(`[type=radio][value="${letter.dataset.pick}"]`).click();
});
