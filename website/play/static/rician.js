// The law of a magnitude: two channels of Gaussian noise with sigma 1, and a true signal a. Computed in the browser.
// Nothing here touches the page, so node can run it for the tests.

const rician = (() => {
  // exp(-x) I_order(x), order 0 or 1, for x >= 0: the plain Bessel functions overflow.
  function scaledBessel(order, x) {
    return x < 30 ? series(order, x) : farOut(order, x);
  }

  // Abramowitz and Stegun 9.6.10; all terms are positive, so no digit is lost.
  function series(order, x) {
    const quarter = (x * x) / 4;
    let term = order === 0 ? 1 : x / 2;
    let sum = term;
    for (let k = 1; term > 1e-17 * sum; k += 1) {
      term *= quarter / (k * (k + order));
      sum += term;
    }
    return Math.exp(-x) * sum;
  }

  // Abramowitz and Stegun 9.7.1; twenty terms are exact to the last digits from x = 30 on.
  function farOut(order, x) {
    let term = 1;
    let sum = 1;
    for (let k = 1; k <= 20; k += 1) {
      term *= -(4 * order * order - (2 * k - 1) ** 2) / (8 * k * x);
      sum += term;
    }
    return sum / Math.sqrt(2 * Math.PI * x);
  }

  // Rice's density of the magnitude m.
  function density(m, a) {
    return m <= 0 ? 0 : m * Math.exp(-((m - a) ** 2) / 2) * scaledBessel(0, m * a);
  }

  // The mean of the magnitude: sqrt(pi / 2) L(-a² / 2), with the Laguerre function in Bessel functions.
  function mean(a) {
    const half = (a * a) / 2;
    const laguerre = (1 + half) * scaledBessel(0, half / 2) + half * scaledBessel(1, half / 2);
    return Math.sqrt(Math.PI / 2) * laguerre;
  }

  // The short correction of an averaged magnitude: the root of its square minus sigma².
  function corrected(average) {
    return Math.sqrt(Math.max(average * average - 1, 0));
  }

  function gaussian(m, a) {
    return Math.exp(-((m - a) ** 2) / 2) / Math.sqrt(2 * Math.PI);
  }

  return { scaledBessel, density, mean, corrected, gaussian };
})();

if (typeof module === "object") module.exports = rician;
