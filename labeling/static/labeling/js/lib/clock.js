// Active time: what passes between signs of life, each of which is believed for a while and no longer.
export const IDLE = 60000; // ms of reading without touching anything that still count

export class ActiveClock {
  constructor(total = 0) {
    this.total = total; // ms
    this.last = null; // when the last sign of life was; null while the page is not looked at
  }

  sign(now) {
    this.pause(now);
    this.last = now;
  }

  pause(now) {
    this.total = this.at(now);
    this.last = null;
  }

  at(now) {
    return this.total + (this.last === null ? 0 : Math.min(Math.max(now - this.last, 0), IDLE));
  }
}
