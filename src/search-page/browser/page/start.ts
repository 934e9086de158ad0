import type { PageFacts } from '../../layout.ts';
import type { Query } from '../../protocol.ts';
import { addressOf, queryOf } from './address.ts';
import { takePictures } from './pictures.ts';
import { Session } from './session.ts';
import type { View } from './view.ts';

/** Milliseconds without a key before the words are searched. */
const TYPING_PAUSE = 250;

export function startPage(facts: PageFacts, view: View, worker: Worker): void {
  if (facts.count === 0) {
    view.say('This page holds no pictures.');
    return;
  }
  const session = new Session(facts, view, worker);
  const showAddress = () => session.show(queryOf(location.hash, facts.count));
  takeWords(session, view);
  takeKeysAndClicks(session, view);
  if (facts.image) {
    takePictures(view.pictureParts, {
      take: (picture) => session.go({ type: 'picture', picture }),
      refuse: (sentence) => view.fail(sentence),
    });
  }
  addEventListener('hashchange', showAddress);
  showAddress();
}

/** Words are searched while they are typed; only what was entered becomes a step of the browser's history. */
function takeWords(session: Session, view: View): void {
  const typed = (): Query | undefined => {
    const text = view.words.value.trim();
    return text === '' ? undefined : { type: 'words', text };
  };
  let pause: number | undefined;
  view.words.addEventListener('input', () => {
    clearTimeout(pause);
    pause = window.setTimeout(() => {
      history.replaceState(null, '', addressOf(typed()));
      session.show(typed());
    }, TYPING_PAUSE);
  });
  view.form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(pause);
    session.go(typed());
  });
}

function takeKeysAndClicks(session: Session, view: View): void {
  view.clear.addEventListener('click', () => session.go(undefined));
  view.results.addEventListener('click', (event) => {
    const card = (event.target as Element).closest<HTMLElement>('.card');
    if (!card) return;
    session.go({ type: 'like', row: Number(card.dataset.row) });
    scrollTo({ top: 0 });
  });
  addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== view.words) {
      event.preventDefault();
      view.words.focus();
    } else if (event.key === 'Escape') session.go(undefined);
  });
}
