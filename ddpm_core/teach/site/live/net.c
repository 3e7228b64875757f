// The arithmetic of the course's networks for a page: what torch does in a layer, four numbers at a time.
//
// Pictures are (n, h, w, c) in float32, c a multiple of 8 (what is missing is filled with zeros).  Convolutions
// of 3x3 pixels go by Winograd's F(4x4, 3x3), which multiplies a quarter as often as the definition (Lavin &
// Gray 2016), or by their definition where pictures are small or every second pixel is left out.
// network.js calls this and keeps the memory.  How net.wasm is made of it: see __init__.py.

typedef float f4 __attribute__((vector_size(16)));
typedef int i4 __attribute__((vector_size(16)));
#define EXPORT(name) __attribute__((export_name(#name)))
#define EDGE 6             // a patch of 6x6 pixels gives 4x4
#define PLACES (EDGE * EDGE)
#define ROWS 4             // of a product at once: what fits into the registers
#define ROOM (600 * 1024)  // bytes of patches that are worked on at once: they stay in the cache

// a b + c; in one instruction where the browser has it (net-fma.wasm).
#ifdef __wasm_relaxed_simd__
static inline f4 madd(f4 a, f4 b, f4 c) { return __builtin_wasm_relaxed_madd_f32x4(a, b, c); }
#else
static inline f4 madd(f4 a, f4 b, f4 c) { return a * b + c; }
#endif

static inline f4 load(const float *p) { return *(const f4 *)p; }
static inline void store(float *p, f4 v) { *(f4 *)p = v; }
static inline f4 all(float x) { return (f4){x, x, x, x}; }

// c = a b, or c += a b, for `rows` rows of a (., k) and eight columns of b.
static inline __attribute__((always_inline)) void tile(
    const int rows, const float *a, const float *b, float *c, int k, int n, int add) {
  f4 sum[8][2];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < 2; j++) sum[i][j] = add ? load(c + i * n + 4 * j) : all(0);
  for (int p = 0; p < k; p++) {
    const f4 left = load(b + 8 * p), right = load(b + 8 * p + 4);
    for (int i = 0; i < rows; i++) {
      const f4 x = all(a[i * k + p]);
      sum[i][0] = madd(x, left, sum[i][0]);
      sum[i][1] = madd(x, right, sum[i][1]);
    }
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < 2; j++) store(c + i * n + 4 * j, sum[i][j]);
}

// c (m, n) = a (m, k) b, or += where `add`; b (k, n) is packed in columns of eight: (n / 8, k, 8).
EXPORT(multiply)
void multiply(const float *a, const float *b, float *c, int m, int k, int n, int add) {
  int i = 0;
  for (; i + ROWS <= m; i += ROWS)
    for (int j = 0; j < n; j += 8) tile(ROWS, a + i * k, b + j * k, c + i * n + j, k, n, add);
  for (; i < m; i++)
    for (int j = 0; j < n; j += 8) tile(1, a + i * k, b + j * k, c + i * n + j, k, n, add);
}

// What Winograd does to six numbers of a row or column of a patch (B in the paper), ...
static inline void entered(const f4 *x, f4 *y, int step) {
  y[0] = madd(all(4), x[0], madd(all(-5), x[2 * step], x[4 * step]));
  y[5 * step] = madd(all(4), x[step], madd(all(-5), x[3 * step], x[5 * step]));
  const f4 a = madd(all(-4), x[2 * step], x[4 * step]), b = madd(all(-4), x[step], x[3 * step]);
  const f4 c = x[4 * step] - x[2 * step], d = 2 * (x[3 * step] - x[step]);
  y[step] = a + b;
  y[2 * step] = a - b;
  y[3 * step] = c + d;
  y[4 * step] = c - d;
}

// ... and to six products, four numbers of the result (A in the paper).
static inline void left(const f4 *x, f4 *y, int from, int to) {
  const f4 a = x[from] + x[2 * from], b = x[from] - x[2 * from];
  const f4 c = x[3 * from] + x[4 * from], d = x[3 * from] - x[4 * from];
  y[0] = x[0] + a + c;
  y[to] = madd(all(2), d, b);
  y[2 * to] = madd(all(4), c, a);
  y[3 * to] = madd(all(8), d, b) + x[5 * from];
}

// The patch at (top, left) of a picture x (h, w, c), to v: 36 places, `apart` floats from one to the next.
static void enter(const float *x, int h, int w, int c, int top, int side, float *v, int apart) {
  for (int k = 0; k < c; k += 4) {
    f4 patch[PLACES], half[PLACES];
    for (int i = 0; i < EDGE; i++)
      for (int j = 0; j < EDGE; j++) {
        const int y = top + i - 1, z = side + j - 1;
        patch[EDGE * i + j] = y < 0 || z < 0 || y >= h || z >= w ? all(0) : load(x + (y * w + z) * c + k);
      }
    for (int i = 0; i < EDGE; i++) entered(patch + EDGE * i, half + EDGE * i, 1);
    for (int j = 0; j < EDGE; j++) entered(half + j, patch + j, EDGE);
    for (int i = 0; i < PLACES; i++) store(v + i * apart + k, patch[i]);
  }
}

// The products m of a patch, as four by four pixels of y, with `shift` (c) and, unless 0, `beside` added.
static void leave(const float *m, int apart, float *y, int h, int w, int c, int top, int side,
                  const float *shift, const float *beside) {
  for (int k = 0; k < c; k += 4) {
    f4 got[PLACES], half[4 * EDGE], out[16];
    for (int i = 0; i < PLACES; i++) got[i] = load(m + i * apart + k);
    for (int j = 0; j < EDGE; j++) left(got + j, half + j, EDGE, EDGE);
    for (int i = 0; i < 4; i++) left(half + EDGE * i, out + 4 * i, 1, 1);
    for (int i = 0; i < 4 && top + i < h; i++)
      for (int j = 0; j < 4 && side + j < w; j++) {
        const int at = ((top + i) * w + side + j) * c + k;
        const f4 made = out[4 * i + j] + load(shift + k);
        store(y + at, beside ? made + load(beside + at) : made);
      }
  }
}

// How many patches are worked on at once.
EXPORT(patches)
int patches(int cin, int cout) {
  const int fit = ROOM / (4 * PLACES * (cin + cout)) / ROWS * ROWS;
  return fit < ROWS ? ROWS : fit;
}

// y (n, h, w, cout): x (n, h, w, cin) convolved, 3x3; weights as `transform` makes them.  shift: (n, cout), the
// bias among it; beside: what is added, like y, or 0.  v, m: room for `patches` patches, 36 cin and 36 cout each.
EXPORT(convolve)
void convolve(const float *x, const float *weights, float *y, int n, int h, int w, int cin, int cout,
              const float *shift, const float *beside, float *v, float *m) {
  const int across = (w + 3) / 4, each = (h + 3) / 4 * across, total = n * each, most = patches(cin, cout);
  for (int first = 0; first < total; first += most) {
    const int now = total - first < most ? total - first : most;
    for (int t = 0; t < now; t++) {
      const int picture = (first + t) / each, at = (first + t) % each;
      enter(x + picture * h * w * cin, h, w, cin, at / across * 4, at % across * 4, v + t * cin, now * cin);
    }
    for (int i = 0; i < PLACES; i++)
      multiply(v + i * now * cin, weights + i * cin * cout, m + i * now * cout, now, cin, cout, 0);
    for (int t = 0; t < now; t++) {
      const int picture = (first + t) / each, at = (first + t) % each, start = picture * h * w * cout;
      leave(m + t * cout, now * cout, y + start, h, w, cout, at / across * 4, at % across * 4,
            shift + picture * cout, beside ? beside + start : 0);
    }
  }
}

// Kernels g (cin, 9, cout) -> 36 matrices (cin, cout), each packed as `multiply` wants it (G in the paper).
EXPORT(transform)
void transform(const float *g, float *u, int cin, int cout) {
  static const float G[EDGE][3] = {{1 / 4.f, 0, 0}, {-1 / 6.f, -1 / 6.f, -1 / 6.f}, {-1 / 6.f, 1 / 6.f, -1 / 6.f},
                                   {1 / 24.f, 1 / 12.f, 1 / 6.f}, {1 / 24.f, -1 / 12.f, 1 / 6.f}, {0, 0, 1}};
  for (int p = 0; p < cin; p++)
    for (int o = 0; o < cout; o++)
      for (int i = 0; i < EDGE; i++)
        for (int j = 0; j < EDGE; j++) {
          float sum = 0;
          for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) sum += G[i][a] * G[j][b] * g[(9 * p + 3 * a + b) * cout + o];
          u[((EDGE * i + j) * cout + o / 8 * 8) * cin + 8 * p + o % 8] = sum;
        }
}

// b (k, n) in columns of eight: (n / 8, k, 8).
EXPORT(pack)
void pack(const float *b, float *packed, int k, int n) {
  for (int p = 0; p < k; p++)
    for (int j = 0; j < n; j++) packed[(j / 8 * k + p) * 8 + j % 8] = b[p * n + j];
}

// The nine neighbours of every `stride`th pixel of x (n, h, w, c), 0 outside: (n, h/stride, w/stride, 9 c).
EXPORT(neighbours)
void neighbours(const float *x, float *out, int n, int h, int w, int c, int stride) {
  for (int picture = 0; picture < n; picture++, x += h * w * c)
    for (int top = 0; top < h; top += stride)
      for (int side = 0; side < w; side += stride)
        for (int i = top - 1; i <= top + 1; i++)
          for (int j = side - 1; j <= side + 1; j++, out += c)
            for (int k = 0; k < c; k += 4)
              store(out + k, i < 0 || j < 0 || i >= h || j >= w ? all(0) : load(x + (i * w + j) * c + k));
}

// y (n, pixels, c): the row `shift` of its picture, with `beside` added unless that is 0.
EXPORT(spread)
void spread(const float *shift, const float *beside, float *y, int n, int pixels, int c) {
  for (int picture = 0; picture < n; picture++)
    for (int p = 0; p < pixels; p++)
      for (int k = 0; k < c; k += 4) {
        const int at = (picture * pixels + p) * c + k;
        store(y + at, beside ? load(shift + picture * c + k) + load(beside + at) : load(shift + picture * c + k));
      }
}

// x / (1 + exp(-x)); exp by a polynomial, as Cephes has it.
static inline f4 silu(f4 x) {
  const f4 z = __builtin_wasm_pmin_f32x4(__builtin_wasm_pmax_f32x4(-x, all(-80)), all(80));
  const f4 whole = __builtin_elementwise_floor(madd(z, all(1.44269504f), all(0.5f)));
  const f4 r = madd(whole, all(2.12194440e-4f), madd(whole, all(-0.693359375f), z));
  f4 e = all(1.9875691500e-4f);
  e = madd(e, r, all(1.3981999507e-3f));
  e = madd(e, r, all(8.3334519073e-3f));
  e = madd(e, r, all(4.1665795894e-2f));
  e = madd(e, r, all(1.6666665459e-1f));
  e = madd(e, r, all(5.0000001201e-1f));
  e = madd(e, r * r, r + 1);
  const i4 power = (__builtin_convertvector(whole, i4) + 127) << 23;
  return x / (1 + e * (f4)power);
}

EXPORT(bend)
void bend(const float *x, float *y, int count) {
  for (int i = 0; i < count; i += 4) store(y + i, silu(load(x + i)));
}

static inline float total(f4 a, f4 b) {
  const f4 s = a + b;
  return s[0] + s[1] + s[2] + s[3];
}

// y: group norm of x (n, pixels, c) in groups of eight channels, then SiLU.
EXPORT(normalise)
void normalise(const float *x, float *y, int n, int pixels, int c, const float *weight, const float *bias) {
  for (int picture = 0; picture < n; picture++, x += pixels * c, y += pixels * c)
    for (int k = 0; k < c; k += 8) {
      f4 a = all(0), b = all(0), p = all(0), q = all(0);
      for (int i = k; i < pixels * c; i += c) a += load(x + i), b += load(x + i + 4);
      const f4 mean = all(total(a, b) / (8 * pixels));
      for (int i = k; i < pixels * c; i += c) {
        const f4 r = load(x + i) - mean, s = load(x + i + 4) - mean;
        p = madd(r, r, p), q = madd(s, s, q);
      }
      const f4 scale = all(1 / __builtin_sqrtf(total(p, q) / (8 * pixels) + 1e-5f));
      const f4 one = scale * load(weight + k), two = scale * load(weight + k + 4);
      const f4 up = load(bias + k) - mean * one, on = load(bias + k + 4) - mean * two;
      for (int i = k; i < pixels * c; i += c) {
        store(y + i, silu(madd(load(x + i), one, up)));
        store(y + i + 4, silu(madd(load(x + i + 4), two, on)));
      }
    }
}

// Twice the size by nearest neighbours, cut to (h, w): x (n, (h+1)/2, (w+1)/2, c) -> (n, h, w, c).
EXPORT(enlarge)
void enlarge(const float *x, float *y, int n, int h, int w, int c) {
  const int down = (h + 1) / 2, across = (w + 1) / 2;
  for (int picture = 0; picture < n; picture++)
    for (int i = 0; i < h; i++)
      for (int j = 0; j < w; j++, y += c) {
        const float *from = x + ((picture * down + i * down / h) * across + j * across / w) * c;
        for (int k = 0; k < c; k += 4) store(y + k, load(from + k));
      }
}

// Channels side by side: a (pixels, ca), b (pixels, cb) -> (pixels, ca + cb).
EXPORT(join)
void join(const float *a, const float *b, float *y, int pixels, int ca, int cb) {
  for (int p = 0; p < pixels; p++) {
    for (int k = 0; k < ca; k += 4, a += 4, y += 4) store(y, load(a));
    for (int k = 0; k < cb; k += 4, b += 4, y += 4) store(y, load(b));
  }
}

// The mean of a and b.
EXPORT(meet)
void meet(const float *a, const float *b, float *y, int count) {
  for (int i = 0; i < count; i += 4) store(y + i, 0.5f * (load(a + i) + load(b + i)));
}

// float16 -> float32.
EXPORT(widen)
void widen(const unsigned short *x, float *y, int count) {
  for (int i = 0; i < count; i++) {
    union { unsigned bits; float value; } made = {(x[i] & 0x7fffu) << 13};
    made.value *= 0x1p112f;
    made.bits |= (x[i] & 0x8000u) << 16;
    y[i] = made.value;
  }
}
