/** What is not needed for the next picture waits until it is on the screen. */
const LONGEST = 250; // ms: a page that nobody sees draws nothing

export function afterPaint(task) {
  let isDone = false;
  const once = () => {
    if (isDone) return;
    isDone = true;
    task();
  };
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = once;
    port2.postMessage(0);
  });
  setTimeout(once, LONGEST);
}
