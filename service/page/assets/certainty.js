// What a first rank is worth. A ranking always has a first; whether it is the right person is another question.

/** A lead this small says nothing about which of the two persons it is: a rule of thumb, kept on the careful side. */
export const NARROW = 0.05;

/** How far the best match leads the best match of somebody else, or null where nobody else is among the matches. */
export function lead(matches) {
  const [first] = matches;
  if (!first?.person_id) return null;
  const other = matches.find((match) => match.person_id && match.person_id !== first.person_id);
  return other ? { by: first.score - other.score, other } : null;
}

/** The first match of every named person. */
function bestOfEach(matches) {
  const seen = new Map();
  for (const match of matches) if (match.person_id && !seen.has(match.person_id)) seen.set(match.person_id, match);
  return [...seen.values()];
}

/**
 * {kind, title, text, doubtful}: two sentences for people who read nothing else. kind: "sure", "unsure" or "quiet".
 * doubtful: the matches to compare before anybody believes the first. threshold: {score, false_match_rate} or null.
 */
export function verdict(matches, threshold, calibrated) {
  const [first] = matches;
  if (!first) return null;
  const who = first.person_id ?? "the first card";
  const ahead = lead(matches);
  if (threshold && first.score < threshold.score) {
    const text = `Even the most similar sighting (${score(first.score)}) lies below your line (${score(threshold.score)}).`;
    return { kind: "unsure", title: "No match.", text, doubtful: [first] };
  }
  const rivals = threshold ? bestOfEach(matches.filter((match) => match.score >= threshold.score)) : [];
  if (rivals.length > 1) {
    const names = rivals.length === 2 ? `${who} and ${rivals[1].person_id} both lie` : `${rivals.length} persons lie`;
    return { kind: "unsure", title: "Unsure.", text: `${names} above your line, and at most one of them is right. Compare the pictures.`, doubtful: rivals };
  }
  if (ahead && ahead.by < NARROW) {
    const text = `${who} leads ${ahead.other.person_id} by only ${score(ahead.by)}. Compare the pictures of both.`;
    return { kind: "unsure", title: "Unsure.", text, doubtful: [first, ahead.other] };
  }
  const clear = ahead ? `The next person is ${score(ahead.by)} behind.` : "";
  if (threshold) return { kind: "sure", title: `${who} lies above your line.`, text: clear, doubtful: [] };
  const why = calibrated ? "" : "This model has no calibration: scores rank sightings, they do not say that it is the same person.";
  return { kind: "quiet", title: clear && `${who} comes first.`, text: [clear, why].filter(Boolean).join(" "), doubtful: [] };
}

export const score = (value) => value.toFixed(3);

export function rate(value) {
  return value >= 0.01 ? `${+(value * 100).toFixed(1)} %` : `1 in ${Math.round(1 / value).toLocaleString()}`;
}

/** Never "100 %": no pair of pictures is proof. */
export function percent(probability) {
  if (probability > 0.99) return "> 99 %";
  return probability < 0.01 ? "< 1 %" : `${Math.round(probability * 100)} %`;
}
