/** On a page that says "one moment": look whether it is over, and only then load anew, so that nobody is interrupted in reading. */
const WAIT = 2000; // ms

async function look() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.status !== 503) location.reload();
  } catch {
    // not there yet
  }
  setTimeout(look, WAIT);
}
setTimeout(look, WAIT);
