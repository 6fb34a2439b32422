// The learning curves, drawn by Chart.js; without it they stay hidden and the page has its numbers.
'use strict';

const Charts = (() => {
  const charts = new Map();  // by the figure's id

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function line(points, colorName, more) {
    return Object.assign({data: points, parsing: false, borderColor: color(colorName), backgroundColor: color(colorName),
                          borderWidth: 2, pointRadius: 0, pointHitRadius: 8, tension: 0}, more);
  }

  // Between a dataset and the next one.
  function band(low, high, colorName) {
    const fill = {borderWidth: 0, pointHitRadius: 0, backgroundColor: color(colorName) + '33', band: true};
    return [line(high, colorName, Object.assign({fill: '+1'}, fill)), line(low, colorName, Object.assign({fill: false}, fill))];
  }

  function axis(limits) {
    return {min: limits && limits[0], max: limits && limits[1], grid: {color: color('--line'), drawBorder: false},
            ticks: {color: color('--quiet'), maxTicksLimit: 7, maxRotation: 0, includeBounds: false}};
  }

  function options(x, y, format) {
    return {
      animation: false, maintainAspectRatio: false, normalized: true,
      interaction: {mode: 'nearest', axis: 'x', intersect: false},
      scales: {x: Object.assign({type: 'linear'}, axis(x)), y: Object.assign({type: 'linear'}, axis(y))},
      plugins: {
        legend: {display: false},
        tooltip: {displayColors: false, filter: (item) => !item.dataset.band, callbacks: {
          title: (items) => items.length > 0 ? 'generation ' + items[0].parsed.x : '',
          label: (item) => item.dataset.label + ' ' + format(item.parsed.y)}},
      },
    };
  }

  function draw(figureId, datasets, x, y, format) {
    const figure = document.getElementById(figureId);
    const some = datasets.some((dataset) => dataset.data.length > 0);
    figure.hidden = !some || typeof Chart === 'undefined';
    if (figure.hidden) return;
    let chart = charts.get(figureId);
    if (chart === undefined) {
      chart = new Chart(figure.querySelector('canvas'), {type: 'line', data: {datasets: []}, options: {}});
      charts.set(figureId, chart);
    }
    chart.data.datasets = datasets;
    chart.options = options(x, y, format);
    chart.update('none');
  }

  const finite = (points) => points.filter((point) => Number.isFinite(point.y));

  // Those of the curves, with some room; a range that reaches much further (one evaluation that diverged) is cut off.
  function limitsOf(curves, low, high) {
    const values = curves.flat().map((point) => point.y);
    if (values.length === 0) return undefined;
    const least = Math.min(...values), most = Math.max(...values);
    const room = 0.6 * (most - least) || Math.abs(most) || 1;
    return [Math.max(Math.min(least, ...low.map((point) => point.y)), least - room),
            Math.min(Math.max(most, ...high.map((point) => point.y)), most + room)];
  }

  // Of shares between 0 and 1.
  function shareLimits(curve) {
    const values = curve.map((point) => point.y);
    return [Math.max(0, Math.min(...values) - 0.1), Math.min(1, Math.max(...values) + 0.1)];
  }

  // `points`, by generation: {generation, mean, low, high, theta, accuracy, interval}, NaN where there is none.
  function show(points, format) {
    const curve = (value) => finite(points.map((point) => ({x: point.generation, y: value(point)})));
    const mean = curve((p) => p.mean), low = curve((p) => p.low), high = curve((p) => p.high);
    const theta = curve((p) => p.theta), accuracy = curve((p) => p.accuracy);
    const x = points.length > 0 ? [points[0].generation, points[points.length - 1].generation] : undefined;
    const dots = (data) => data.length < 40 ? {pointRadius: 2.5} : {};
    draw('fitness-chart',
         [line(mean, '--evaluation', {label: 'mean'}), line(theta, '--update', Object.assign({label: 'theta'}, dots(theta))),
          ...band(low, high, '--evaluation')],
         x, limitsOf([mean, theta], low, high), format);
    draw('accuracy-chart',
         [line(accuracy, '--update', Object.assign({label: 'accuracy'}, dots(accuracy))),
          ...band(curve((p) => p.accuracy - p.interval), curve((p) => p.accuracy + p.interval), '--update')],
         x, shareLimits(accuracy), (value) => (100 * value).toFixed(1) + ' %');
  }

  return {show};
})();
