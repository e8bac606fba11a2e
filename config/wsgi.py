import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# What the start has made stays as long as the worker: the collector need not walk through it again and again. A page makes
# some ten thousand objects, nearly all of which go with their last reference, so the collector looks less often. Both
# together take a twentieth of a page's CPU time away.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 50)
