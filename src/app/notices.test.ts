import { describe, expect, it } from 'vitest';
import { type Notice, openNotices } from './notices.ts';

const notice = (key: string, title = key): Notice => ({ key, title, tone: 'warning' });
const placesOf = ({ notices }: ReturnType<typeof openNotices>) =>
  Object.fromEntries(notices.value.map(({ title, place }) => [title, place]));

describe('the place of a notice', () => {
  it('is above the view on arrival, and over it as soon as there is a view', () => {
    const notices = openNotices();
    notices.show(notice('early'));
    notices.settle();
    notices.show(notice('late'));
    expect(placesOf(notices)).toEqual({ early: 'page', late: 'tray' });
  });

  it('is taken over by a newer notice of the same kind', () => {
    const notices = openNotices();
    notices.show(notice('run', 'looking'));
    notices.settle();
    notices.show(notice('other'));
    notices.show(notice('run', 'found'));
    expect(placesOf(notices)).toEqual({ found: 'page', other: 'tray' });
    expect(notices.notices.value[0]!.title).toBe('found');
  });

  it('is the list after the user has put it away, until there is news or it is not true any more', () => {
    const notices = openNotices();
    notices.show(notice('a'));
    notices.show(notice('b'));
    notices.settle();
    notices.putAway('a');
    notices.putAway('b');
    expect(placesOf(notices)).toEqual({ a: 'list', b: 'list' });
    notices.show(notice('a', 'again'));
    notices.dismiss('b');
    expect(placesOf(notices)).toEqual({ again: 'tray' });
  });
});
