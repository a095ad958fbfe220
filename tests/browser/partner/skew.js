// Lets a test set this machine's clock wrong, or let it have slept: then timers have stood still.
const realNow = Date.now.bind(Date);
const realSteady = performance.now.bind(performance);
let skewMs = Number(new URLSearchParams(location.search).get("skewMs") ?? 0);
let sleptMs = 0;
Date.now = () => realNow() + skewMs;
performance.now = () => realSteady() - sleptMs;
