/** Notifications to try out: what each puts into the form. */
export const examples = [
  { name: "Post liked", eventType: "post.liked", actor: "", title: "Bo liked your post", words: "Have a look." },
  {
    name: "Invoice, as HTML",
    eventType: "billing.invoice_paid",
    priority: "PRIORITY_HIGH",
    title: "Your invoice is paid",
    format: "html",
    words:
      '<div style="font: 16px/1.5 sans-serif; max-width: 480px">\n  <h2 style="color: #1d6a5e">Thank you</h2>\n  <p>We received <b>€ 99.99</b> for order ORD-12345.</p>\n</div>',
  },
  {
    name: "Security alert",
    eventType: "security.new_device",
    priority: "PRIORITY_CRITICAL",
    title: "A new device signed in",
    words: "If that was not you, change your password now.",
  },
  {
    name: "Newsletter",
    eventType: "offers.weekly",
    priority: "PRIORITY_LOW",
    title: "This week in bells",
    words: "Twelve tonnes of bronze, and what they sound like at noon.",
  },
];
