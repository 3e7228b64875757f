// Noise that Python draws too: ddpm_core.teach.page.particles.particle_noise.  Each number depends on a seed, a time
// and its own place alone.

const hashed = (h) => {
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
};
const keyed = (seed, t) => hashed(hashed(seed) ^ t);

// Two standard normal numbers for particle i, written to out[at], out[at + 1].
function normal(key, i, out, at) {
  const radius = Math.sqrt(-2 * Math.log((hashed(key ^ (2 * i)) + 0.5) / 2 ** 32));
  const angle = (2 * Math.PI * (hashed(key ^ (2 * i + 1)) + 0.5)) / 2 ** 32;
  out[at] = radius * Math.cos(angle);
  out[at + 1] = radius * Math.sin(angle);
}
