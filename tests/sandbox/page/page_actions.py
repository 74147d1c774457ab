"""Actions of a person at the page, by what they can see and press there."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Locator, Page, expect


async def be(page: Page, name: str) -> None:
    """Become somebody."""
    await page.get_by_role("radio", name=name).click()
    await expect(page.get_by_role("radio", name=name)).to_be_checked()


async def type_command(page: Page, command: str) -> None:
    """Type a command that needs nothing further, by keyboard alone."""
    await begin(page, command)
    await page.keyboard.press("Enter")


async def begin(page: Page, command: str) -> None:
    """Type a command's name and take it from the list."""
    box = page.get_by_role("combobox", name="Message")
    await box.fill(command)
    await page.get_by_role("option", name=f"{command} ", exact=False).first.wait_for()
    await box.press("Enter")
    await page.get_by_label(f"Command {command}").wait_for()


async def fill_option(page: Page, option: str, text: str, pick: str | None = None) -> None:
    """Fill one option of the command that is being typed; `pick` is the suggestion to take."""
    field = page.get_by_role("combobox", name=f"{option}: ")
    if not await field.is_visible():
        await page.get_by_role("button", name=f"+ {option}").click()
    await field.fill(text)
    if pick is not None:
        await page.get_by_role("option", name=pick).first.click()


async def send(page: Page) -> None:
    """Send the command that is being typed."""
    await page.get_by_role("button", name="Send").click()


def newest(page: Page) -> Locator:
    """The last message of the place."""
    return page.locator("#messages article").last


def roles(page: Page, name: str) -> Locator:
    """The roles of a member, in the list at the side."""
    return page.locator(f"[data-member={name}] .role")


async def agree(context: BrowserContext, page: Page, link: str) -> None:
    """Open PayPal's approval page in its own tab, log in and agree; leave the page one comes back to."""
    paypal = await follow(context, page, link)
    if await paypal.get_by_role("button", name="Log in").count():
        await log_in(paypal)
    await paypal.get_by_role("button", name="Agree & Subscribe").click()
    await paypal.wait_for_url("**/return**")
    await expect(paypal.get_by_role("heading")).to_have_text("Thank you!")
    await paypal.close()


async def follow(context: BrowserContext, page: Page, link: str) -> Page:
    """Open the newest link of that name, which leads to a tab of its own."""
    async with context.expect_page() as opening:
        await page.get_by_role("link", name=link).last.click()
    return await opening.value


async def log_in(paypal: Page) -> None:
    """As Mia, at PayPal."""
    await paypal.get_by_label("Email").fill("mia@example.com")
    await paypal.get_by_label("Password").fill("secret")
    await paypal.get_by_role("button", name="Log in").click()


async def pay(context: BrowserContext, page: Page, link: str) -> None:
    """Open the payment page in its own tab, fill it in, and close the page one comes back to."""
    checkout = await follow(context, page, link)
    await checkout.get_by_label("E-mail").fill("mia@example.com")
    await checkout.get_by_label("Name on card").fill("Mia Member")
    await checkout.locator("#pay").click()
    await checkout.wait_for_url("**/return**")
    await checkout.close()
