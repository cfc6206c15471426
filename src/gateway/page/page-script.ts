/** Copies the text of the element that a button names; where the browser has no clipboard for us, it is selected instead. */
export const PAGE_SCRIPT = `
document.addEventListener('click', async ({ target }) => {
  const button = target instanceof Element ? target.closest('button[data-copies]') : null;
  const source = button && document.getElementById(button.dataset.copies);
  if (!source) return;
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    said = document.execCommand('copy') ? 'Copied' : 'Selected';
  }
  button.textContent = said;
  document.getElementById('said').textContent = said + ': ' + button.getAttribute('aria-label');
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
});
`;
