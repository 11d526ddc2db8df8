/** The stations at the top light up one after the other as the notification just sent passes them. */
import { explain, getNotification } from "./contracts.js";
import { $, make, pill, whileVisible, word } from "./view.js";

const EVERY_MS = 250;
let followed = "";

/** What counts as having passed a station. */
const passed = {
  asked: ["asked"],
  decided: ["decided", "not used", "skipped"],
  queued: ["queued"],
  sent: ["sent"],
};

export function follow(notificationId) {
  followed = notificationId;
  for (const station of $("way").children) station.removeAttribute("data-passed");
  whileVisible(EVERY_MS, async () => {
    const [{ notification }, { steps = [] }] = await Promise.all([getNotification({ notificationId }), explain({ notificationId })]);
    if (followed !== notificationId) return false;
    for (const station of $("way").children)
      if (steps.some(({ stage }) => passed[station.dataset.stage].includes(stage))) station.setAttribute("data-passed", "");
    const status = word(notification.status);
    $("answer").replaceChildren(pill(status), " ", make("a", { href: `/n/${notificationId}` }, "See its timeline"));
    return status === "processing";
  });
}
