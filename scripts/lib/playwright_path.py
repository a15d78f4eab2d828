"""Print where playwright keeps its Chromium, whether it is installed or not."""

from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
