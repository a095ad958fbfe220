// Lets a test set this machine's clock wrong, or pretend that the machine has slept. The steady clock stands still
// during a sleep.
const realNow = Date.now.bind(Date);
const realSteady = performance.now.bind(performance);
let skewMs = Number(new URLSearchParams(location.search).get("skewMs") ?? 0);
let sleptMs = 0;
Date.now = () => realNow() + skewMs;
performance.now = () => realSteady() - sleptMs;
