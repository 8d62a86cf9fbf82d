// Sums of cosines and sines at equally spaced knots, their gradient, and the directions of slices.
//
// Computes one sine and cosine per (slice, sample), other knots by Chebyshev's recurrence, gradients
// by Clenshaw's. Written with vector types that both GCC and Clang have, so that one source fits
// SSE, AVX2, AVX-512 and NEON, and needs no vector library for its sines.
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#define LANES 16
#else
#define LANES 8
#endif
#define INLINE static inline __attribute__((always_inline))
#define GROUP 4                  // vectors in flight: enough to hide an FMA's latency
#define SAMPLES (GROUP * LANES)  // samples of one group
#define MOST_KNOTS 64
#define DEFAULT_KNOTS 17
#define FLUSH 64  // groups added up in float before they are added to doubles
#define MOST_THREADS 256

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

INLINE vec load(const float *p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }
INLINE vec all(float x) { return x - (vec){0}; }
INLINE vec choose(ivec mask, vec yes, vec no) {
  return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

// x = k pi/2 + r by Cody and Waite's reduction in three parts, then the minimax polynomials of
// Cephes (Moshier) on |r| <= pi/4. About 1 ulp for |x| < 1e4. Beyond 6e6, where neighbouring floats
// are turns apart, anything from -1.1 to 1.1. NaN and infinity give NaN.
INLINE void sine_cosine(vec x, vec *sine, vec *cosine) {
  const float round_to_integer = 12582912.0f;  // 1.5 * 2^23: adding it leaves no fraction
  vec k = x * 0.63661977236f + round_to_integer;
  ivec quadrant = (ivec)k;
  k -= round_to_integer;
  vec r = x - k * 1.5703125f;
  r -= k * 4.837512969970703e-4f;
  r -= k * 7.549789954891882e-8f;
  r = choose(r > 0.8f, all(0.8f), r);  // comparisons with NaN are false: it stays
  r = choose(r < -0.8f, all(-0.8f), r);
  vec z = r * r;
  vec s = r + r * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
  vec c = 1.0f - 0.5f * z +
          z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
  ivec odd = -(quadrant & 1);
  ivec sine_sign = (quadrant & 2) << 30;
  ivec cosine_sign = ((quadrant + 1) & 2) << 30;
  *sine = (vec)((ivec)choose(odd, c, s) ^ sine_sign);
  *cosine = (vec)((ivec)choose(odd, s, c) ^ cosine_sign);
}

INLINE double lanes_sum(vec v) {
  double sum[4] = {0};  // four independent sums, which do not wait for each other
  for (int i = 0; i < LANES; i++) sum[i % 4] += v[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

INLINE void add(vec *sum, const vec *v) { *sum += (v[0] + v[1]) + (v[2] + v[3]); }

INLINE void forward_group(const float *u, float scale, int half, int knots, vec *sums) {
  vec twice[GROUP], c0[GROUP], c1[GROUP], s0[GROUP], s1[GROUP];
  for (int g = 0; g < GROUP; g++) {
    vec sine, cosine;
    sine_cosine(load(u + g * LANES) * scale, &sine, &cosine);
    twice[g] = half ? 2.0f - 4.0f * sine * sine : 2.0f * cosine;
    c0[g] = cosine;
    c1[g] = half ? cosine : all(1.0f);
    s0[g] = -sine;
    s1[g] = half ? sine : all(0.0f);
  }
  // Chebyshev's recurrence from knots -1 (c0, s0) and 0 (c1, s1), each knot added to its sum. The
  // cosines and the sines take turns, as neither waits for the other.
  int j = 0;
  for (; j + 1 < knots; j += 2) {
    add(sums + j, c1);
    add(sums + knots + j, s1);
    for (int g = 0; g < GROUP; g++) c0[g] = twice[g] * c1[g] - c0[g];
    for (int g = 0; g < GROUP; g++) s0[g] = twice[g] * s1[g] - s0[g];
    add(sums + j + 1, c0);
    add(sums + knots + j + 1, s0);
    for (int g = 0; g < GROUP; g++) c1[g] = twice[g] * c0[g] - c1[g];
    for (int g = 0; g < GROUP; g++) s1[g] = twice[g] * s0[g] - s1[g];
  }
  if (j < knots) {
    add(sums + j, c1);
    add(sums + knots + j, s1);
  }
}

INLINE void forward_samples(const float *u, int64_t samples, float scale, int half,
                                   int knots, float *out) {
  vec sums[2 * MOST_KNOTS];
  double totals[2 * MOST_KNOTS] = {0};
  int64_t done = 0;
  while (done < samples) {
    for (int j = 0; j < 2 * knots; j++) sums[j] = all(0.0f);
    int padded = 0;
    for (int group = 0; group < FLUSH && done < samples; group++, done += SAMPLES) {
      if (done + SAMPLES <= samples) {
        forward_group(u + done, scale, half, knots, sums);
      } else {  // the rest, padded with zeros, whose cosines of 1 are subtracted again
        float rest[SAMPLES] = {0};
        memcpy(rest, u + done, (samples - done) * sizeof(float));
        padded = SAMPLES - (int)(samples - done);
        forward_group(rest, scale, half, knots, sums);
      }
    }
    for (int j = 0; j < 2 * knots; j++) totals[j] += lanes_sum(sums[j]) - (j < knots ? padded : 0);
  }
  for (int j = 0; j < 2 * knots; j++) out[j] = (float)totals[j];
}

// The default knots get code of their own: constant loop bounds make it a third faster.
static void forward_row(const float *u, int64_t samples, float scale, int half, int knots,
                        float *out) {
  if (knots == DEFAULT_KNOTS && !half)
    forward_samples(u, samples, scale, 0, DEFAULT_KNOTS, out);
  else
    forward_samples(u, samples, scale, half, knots, out);
}

INLINE void backward_group(const float *u, float scale, int half, int knots,
                                  const float *weights, float *out) {
  // Clenshaw's recurrence b_j = w_j + 2 cos(a) b_(j+1) - b_(j+2) for both series: b0 and b1.
  vec twice[GROUP], cosine[GROUP], sine[GROUP], p0[GROUP], p1[GROUP], q0[GROUP], q1[GROUP];
  const float *p = weights, *q = weights + knots;
  int j = knots - 1, odd = knots & 1;
  for (int g = 0; g < GROUP; g++) {
    sine_cosine(load(u + g * LANES) * scale, &sine[g], &cosine[g]);
    twice[g] = half ? 2.0f - 4.0f * sine[g] * sine[g] : 2.0f * cosine[g];
    p0[g] = all(odd ? p[j] : 0.0f);
    q0[g] = all(odd ? q[j] : 0.0f);
    p1[g] = q1[g] = all(0.0f);
  }
  for (j -= odd; j > 0; j -= 2) {
    for (int g = 0; g < GROUP; g++) p1[g] = twice[g] * p0[g] + (p[j] - p1[g]);
    for (int g = 0; g < GROUP; g++) q1[g] = twice[g] * q0[g] + (q[j] - q1[g]);
    for (int g = 0; g < GROUP; g++) p0[g] = twice[g] * p1[g] + (p[j - 1] - p0[g]);
    for (int g = 0; g < GROUP; g++) q0[g] = twice[g] * q1[g] + (q[j - 1] - q0[g]);
  }
  for (int g = 0; g < GROUP; g++) {  // the weights of the cosines multiply sines
    vec sines = sine[g] * (half ? p0[g] + p1[g] : p1[g]);
    vec cosines = half ? cosine[g] * (q0[g] - q1[g]) : q0[g] - cosine[g] * q1[g];
    store(out + g * LANES, cosines - sines);
  }
}

INLINE void backward_samples(const float *u, int64_t samples, float scale, float spacing,
                                    int half, int knots, const float *grad, float *out) {
  float weights[2 * MOST_KNOTS];
  for (int j = 0; j < 2 * knots; j++)
    weights[j] = grad[j] * (j % knots + (half ? 0.5f : 0.0f)) * spacing;  // inner derivative
  int64_t done = 0;
  for (; done + SAMPLES <= samples; done += SAMPLES)
    backward_group(u + done, scale, half, knots, weights, out + done);
  if (done < samples) {
    float rest[SAMPLES] = {0}, result[SAMPLES];
    memcpy(rest, u + done, (samples - done) * sizeof(float));
    backward_group(rest, scale, half, knots, weights, result);
    memcpy(out + done, result, (samples - done) * sizeof(float));
  }
}

static void backward_row(const float *u, int64_t samples, float scale, float spacing, int half,
                         int knots, const float *grad, float *out) {
  if (knots == DEFAULT_KNOTS && !half)
    backward_samples(u, samples, scale, spacing, 0, DEFAULT_KNOTS, grad, out);
  else
    backward_samples(u, samples, scale, spacing, half, knots, grad, out);
}

// The Epps-Pulley statistic of one row. If requested, its derivative overwrites the samples.
struct statistic {
  const float *wanted, *weights;  // of the knots t >= 0: the normal's phi(t), and the rule's
  int unbiased, gradient;
};

static float statistic_row(float *u, int64_t samples, float scale, float spacing, int half,
                           int knots, const struct statistic *s) {
  float sums[2 * MOST_KNOTS], slopes[2 * MOST_KNOTS];
  double n = samples, share = 1 / n, again = s->unbiased ? n / (n - 1) : 1, total = 0;
  double alone = s->unbiased ? 1 / (n - 1) : 0;
  forward_row(u, samples, scale, half, knots, sums);
  for (int j = 0; j < knots; j++) {
    double phi = s->wanted[j], w = s->weights[j];
    double cosine = sums[j] * share, sine = sums[knots + j] * share;
    // The unbiased statistic leaves out the terms that pair a sample with itself.
    double squared = again * (cosine * cosine + sine * sine) - alone;
    total += w * (squared - 2 * phi * cosine + phi * phi);
    slopes[j] = (float)(2 * w * (again * cosine - phi) * share);
    slopes[knots + j] = (float)(2 * w * again * sine * share);
  }
  if (s->gradient) backward_row(u, samples, scale, spacing, half, knots, slopes, u);
  return (float)total;
}

// ln x of a normal x > 0, after Cephes.
INLINE vec logarithm(vec x) {
  ivec bits = (ivec)x;
  ivec exponent = (bits >> 23) - 126;
  vec m = (vec)((bits & 0x007fffff) | 0x3f000000);  // 0.5 <= m < 1
  ivec low = m < 0.70710678f;
  m = choose(low, m + m, m) - 1.0f;
  vec e = __builtin_convertvector(exponent + low, vec);  // a true comparison is -1
  vec z = m * m;
  vec y = all(7.0376836292e-2f);
  y = y * m - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  return m + (y * m * z + e * -2.12194440e-4f - 0.5f * z) + e * 0.693359375f;
}

// SplitMix64's finaliser; must agree with shiomi.lejepa.slicing.
INLINE uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static void directions_row(uint64_t key, int64_t slice, int64_t dim, float *out) {
  int64_t half = (dim + 1) / 2;
  vec squares = all(0.0f);
  double length = 0;
  for (int64_t first = 0; first < half; first += LANES) {
    vec radius, angle, sine, cosine;
    int32_t high[LANES], low[LANES];  // loops over arrays become vector instructions
    float squared[LANES];
    for (int i = 0; i < LANES; i++) {
      uint64_t bits = mix(key + (((uint64_t)(first + i) << 32) + slice) * 0x9e3779b97f4a7c15u);
      high[i] = (int32_t)(bits >> 40);
      low[i] = (int32_t)(bits & 0xffffff);
    }
    ivec whole;
    memcpy(&whole, high, sizeof whole);
    radius = -2.0f * logarithm((__builtin_convertvector(whole, vec) + 0.5f) * 0x1p-24f);
    memcpy(&whole, low, sizeof whole);
    angle = __builtin_convertvector(whole, vec) * (float)(0x1p-24 * 6.283185307179586);
    store(squared, radius);
    for (int i = 0; i < LANES; i++) squared[i] = __builtin_sqrtf(squared[i]);
    radius = load(squared);
    sine_cosine(angle, &sine, &cosine);
    cosine *= radius;
    sine *= radius;
    int64_t cosines = half - first < LANES ? half - first : LANES;
    int64_t sines = dim - half - first < LANES ? dim - half - first : LANES;
    memcpy(out + first, &cosine, cosines * sizeof(float));
    if (sines > 0) memcpy(out + half + first, &sine, sines * sizeof(float));
    for (int i = 0; i < LANES; i++) {
      if (i >= cosines) cosine[i] = 0;
      if (i >= sines) sine[i] = 0;
    }
    squares += cosine * cosine + sine * sine;
  }
  length = sqrt(lanes_sum(squares));
  float scale = (float)(1 / length);
  for (int64_t d = 0; d < dim; d++) out[d] *= scale;
}

enum task { FORWARD, BACKWARD, STATISTIC, DIRECTIONS };

struct work {
  enum task task;
  int64_t rows, chunk;
  int64_t next;  // the first row that no thread has taken
  const float *u, *grad;
  float *out;
  int64_t samples;  // of a row; of a direction, its dimensions
  float spacing;
  int knots, half;
  uint64_t key;
  const struct statistic *statistic;
};

static void run_row(const struct work *w, int64_t row) {
  float scale = w->half ? w->spacing / 2 : w->spacing;
  const float *u = w->u + row * w->samples;
  int64_t sums = row * 2 * w->knots;
  if (w->task == FORWARD)
    forward_row(u, w->samples, scale, w->half, w->knots, w->out + sums);
  else if (w->task == BACKWARD)
    backward_row(u, w->samples, scale, w->spacing, w->half, w->knots, w->grad + sums,
                 w->out + row * w->samples);
  else if (w->task == STATISTIC)
    w->out[row] = statistic_row((float *)u, w->samples, scale, w->spacing, w->half, w->knots,
                                w->statistic);
  else
    directions_row(w->key, row, w->samples, w->out + row * w->samples);
}

// Every thread does this until no row is left. If a thread is slow, the others take more rows.
static void take_rows(void *argument) {
  struct work *w = argument;
  int64_t first;
  while ((first = __atomic_fetch_add(&w->next, w->chunk, __ATOMIC_RELAXED)) < w->rows)
    for (int64_t row = first; row < first + w->chunk && row < w->rows; row++) run_row(w, row);
}
static void *take_rows_in_thread(void *argument) {
  take_rows(argument);
  return 0;
}

// GOMP_parallel of the OpenMP runtime that torch has loaded, or NULL. After a matrix product its
// threads keep spinning for a while to wait for more work; our own threads would have to share the
// cores with them.
typedef void (*parallel_region)(void (*body)(void *), void *argument, unsigned threads,
                                unsigned flags);
static parallel_region openmp;
void shiomi_use_openmp(parallel_region region) { openmp = region; }

static void run_rows(struct work w, int64_t rows, int threads) {
  pthread_t thread[MOST_THREADS];
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads > rows) threads = (int)rows;
  w.rows = rows;
  w.chunk = threads > 1 ? (rows + 8 * threads - 1) / (8 * threads) : rows;
  if (threads > 1 && openmp) {
    openmp(take_rows, &w, threads, 0);
    return;
  }
  int started = 0;  // made for each call: some 20 us each, and nothing that a fork could leave locked
  while (started < threads - 1 && !pthread_create(&thread[started], 0, take_rows_in_thread, &w))
    started++;
  take_rows(&w);
  while (started) pthread_join(thread[--started], 0);
}

void shiomi_forward(const float *u, float *sums, int64_t rows, int64_t samples, float spacing,
                    int knots, int half, int threads) {
  struct work w = {.task = FORWARD, .u = u, .out = sums, .samples = samples, .spacing = spacing,
                   .knots = knots, .half = half};
  run_rows(w, rows, threads);
}

void shiomi_backward(const float *u, const float *grad, float *out, int64_t rows, int64_t samples,
                     float spacing, int knots, int half, int threads) {
  struct work w = {.task = BACKWARD, .u = u, .grad = grad, .out = out, .samples = samples,
                   .spacing = spacing, .knots = knots, .half = half};
  run_rows(w, rows, threads);
}

// Returns the mean over rows.
double shiomi_statistic(float *u, float *values, int64_t rows, int64_t samples, float spacing,
                      int knots, int half, const float *wanted, const float *weights, int unbiased,
                      int gradient, int threads) {
  struct statistic s = {wanted, weights, unbiased, gradient};
  struct work w = {.task = STATISTIC, .u = u, .out = values, .samples = samples,
                   .spacing = spacing, .knots = knots, .half = half, .statistic = &s};
  double total = 0;
  run_rows(w, rows, threads);
  for (int64_t row = 0; row < rows; row++) total += values[row];
  return total / rows;
}

void shiomi_directions(uint64_t key, float *out, int64_t rows, int64_t dim, int threads) {
  struct work w = {.task = DIRECTIONS, .out = out, .samples = dim, .key = key};
  run_rows(w, rows, threads);
}
